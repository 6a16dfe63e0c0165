//! MEMORY: what takes how much.

mod doctor;
mod stats;

use crate::base::alloc;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::keyspace::Access;
use crate::keyspace::table::BYTES_PER_ENTRY;

use super::help;
use super::{Call, Command, DONE, Next, Outcome};

const GROUP: &str = "server";

/// The family's rows.
pub const COMMANDS: &[Command] = &[Command::container(
    Spec::new("memory", -2).doc(
        GROUP,
        "4.0.0",
        "Depends on subcommand.",
        "Tells what takes how much memory.",
    ),
    &[
        Command::new(
            Spec::new("memory|usage", -3)
                .flags(&[READONLY])
                .keys(&[KeySpec::at(2, &[RO])])
                .doc(GROUP, "4.0.0", "O(1)", "Returns the bytes that a key and its value take.")
                .syntax("key [SAMPLES count:integer]"),
            usage,
        ),
        Command::new(
            Spec::new("memory|stats", 2).tips(REPORT).doc(
                GROUP,
                "4.0.0",
                "O(N) where N is the number of connections",
                "Returns what the server's memory is used for.",
            ),
            stats::stats,
        ),
        Command::new(
            Spec::new("memory|doctor", 2).tips(REPORT).doc(
                GROUP,
                "4.0.0",
                "O(N) where N is the number of connections",
                "Says in words what is unusual about the server's memory.",
            ),
            doctor::doctor,
        ),
        Command::new(
            Spec::new("memory|malloc-stats", 2).tips(REPORT).doc(
                GROUP,
                "4.0.0",
                "Depends on how much memory is allocated",
                "Returns the allocator's statistics.",
            ),
            malloc_stats,
        ),
        Command::new(
            Spec::new("memory|purge", 2)
                .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
                .doc(
                    GROUP,
                    "4.0.0",
                    "Depends on how much memory can be given back",
                    "Gives unused memory back to the operating system.",
                ),
            purge,
        ),
        Command::new(help::row("memory|help", GROUP, "4.0.0"), show_help),
    ],
)];

const REPORT: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

fn usage(call: &mut Call<'_>) -> Outcome {
    check_samples(call)?;
    let entry = call.keys.find(call.args[2], Access::Silent);
    match entry.map(|entry| entry.memory_bytes() + BYTES_PER_ENTRY) {
        Some(bytes) => call.reply.int(bytes as i64),
        None => call.reply.null(),
    }
    DONE
}

/// The option SAMPLES is read but needs no obeying: values know their size.
fn check_samples(call: &Call<'_>) -> Result<(), Error> {
    let mut args = call.args_from(3);
    while !args.is_empty() {
        let given = args.len() > 1 && args.word("SAMPLES");
        if !given || args::int(args.want()?)? < 0 {
            return Err(error::SYNTAX);
        }
    }
    Ok(())
}

fn malloc_stats(_: &mut Call<'_>) -> Outcome {
    Ok(Next::Later(Box::new(|reply| reply.verbatim("txt", alloc::report().as_bytes()))))
}

fn purge(_: &mut Call<'_>) -> Outcome {
    Ok(Next::Later(Box::new(|reply| match alloc::purge() {
        Ok(()) => reply.ok(),
        Err(_) => reply.error(error::PURGE_FAILED.text()),
    })))
}

fn show_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("DOCTOR", "Say in words what is unusual about the memory of the server."),
            ("MALLOC-STATS", "Return the statistics of the allocator, for people."),
            ("PURGE", "Give unused memory back to the operating system."),
            ("STATS", "Return what the memory of the server is used for."),
            ("USAGE <key> [SAMPLES <count>]", "Return the bytes that <key> and its value take."),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::Rig;

    #[test]
    fn usage_follows_the_value() {
        let mut rig = Rig::new();
        rig.check(&[("SET a 1", "+OK"), ("MEMORY USAGE a", ":27"), ("MEMORY USAGE nope", "$-1")]);
        rig.check(&[("SET a hello-world EX 9", "+OK"), ("MEMORY USAGE a SAMPLES 0 SAMPLES 5", ":43")]);
        rig.run(&format!("SET a {}", "x".repeat(100_000)));
        let bytes: usize = rig.run("MEMORY USAGE a")[1..].parse().expect("a number");
        assert!((100_000..130_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn wrong_arguments() {
        Rig::new().check(&[
            ("MEMORY USAGE a SAMPLES", "-ERR syntax error"),
            ("MEMORY USAGE a SAMPLES -1", "-ERR syntax error"),
            ("MEMORY USAGE a FOO 1", "-ERR syntax error"),
            ("MEMORY USAGE a SAMPLES x", "-ERR value is not an integer or out of range"),
        ]);
    }

    #[test]
    fn stats_have_the_fields_of_redis() {
        let mut rig = Rig::resp3();
        rig.check(&[("SET a 1 EX 9", "+OK"), ("COPY a a DB 3", ":1")]);
        let reply = rig.run("MEMORY STATS");
        let names = [
            "peak.allocated",
            "functions.caches",
            "db.0",
            "db.3",
            "overhead.db.hashtable.lut",
            "fragmentation.bytes",
        ];
        let places: Vec<Option<usize>> = names.iter().map(|name| reply.find(&format!(" {name} "))).collect();
        assert!(reply.starts_with("%33 $14 peak.allocated :"), "{reply}");
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
        assert!(
            reply.contains(" db.3 %2 $23 overhead.hashtable.main :11 $26 overhead.hashtable.expires :10 "),
            "{reply}"
        );
        assert!(rig.run("MEMORY DOCTOR").starts_with('='));
    }

    #[test]
    #[cfg(not(asan))]
    fn the_allocator_answers() {
        let mut rig = Rig::resp3();
        assert_eq!(rig.run("MEMORY PURGE"), "+OK");
        assert!(rig.run("MEMORY MALLOC-STATS").starts_with('='));
    }
}
