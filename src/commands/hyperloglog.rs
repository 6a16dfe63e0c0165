//! HyperLogLogs: strings that count distinct elements. PFADD, PFCOUNT, PFMERGE and what tests them.

use std::sync::Arc;

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Expiry, Str, Value, WrongType};
use crate::resp::Reply;
use crate::types::hll::{self, Encoding, Hll, HllError, Registers, SelfTestFailure};

use super::call::Next;
use super::{Call, Command, DONE, Outcome};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        row("pfadd", -2, &[WRITE, DENYOOM, FAST])
            .keys(&[KeySpec::at(1, &[RW, INSERT])])
            .doc(GROUP, "2.8.9", "O(N) where N is the number of elements", "Adds elements to a HyperLogLog.")
            .syntax("key [element*]"),
        add,
    ),
    Command::new(
        row("pfcount", -2, &[READONLY, MAY_REPLICATE])
            .keys(&[KeySpec::range(1, -1, 1, &[RW, ACCESS]).notes(
                "RW because it may change the internal representation of the key, and propagate to replicas",
            )])
            .doc(
                GROUP,
                "2.8.9",
                "O(N) where N is the number of keys; O(1) if the count of a single one is remembered",
                "Estimates how many distinct elements HyperLogLogs have seen together.",
            )
            .syntax("key*"),
        count,
    ),
    Command::new(
        row("pfmerge", -2, &[WRITE, DENYOOM])
            .keys(&[KeySpec::at(1, &[RW, ACCESS, INSERT]), KeySpec::range(2, -1, 1, &[RO, ACCESS])])
            .doc(
                GROUP,
                "2.8.9",
                "O(N) where N is the number of keys",
                "Makes a HyperLogLog of all that others have seen.",
            )
            .syntax("destkey:key [sourcekey:key#1*]"),
        merge,
    ),
    Command::new(
        row("pfdebug", 3, &[WRITE, DENYOOM, ADMIN])
            .keys(&[KeySpec::at(2, &[RW, ACCESS])])
            .doc(GROUP, "2.8.9", "N/A", "Shows the inside of a HyperLogLog, for tests.")
            .syntax("subcommand key")
            .internal(),
        debug,
    ),
    Command::new(
        row("pfselftest", 1, &[ADMIN])
            .doc(GROUP, "2.8.9", "N/A", "Checks the arithmetic of HyperLogLogs, for tests.")
            .internal(),
        self_test,
    ),
];

const GROUP: &str = "hyperloglog";

/// What PFSELFTEST tries: a tenth of what Redis does, since its clients are not to wait for seconds.
const SELF_TEST_CYCLES: u32 = 100;
const SELF_TEST_ELEMENTS: u64 = 1_000_000;

const fn row(name: &'static str, arity: i32, flags: &[Flags]) -> Spec {
    Spec::new(name, arity).flags(flags).categories(&[Categories::HYPERLOGLOG])
}

impl From<HllError> for Error {
    fn from(why: HllError) -> Error {
        match why {
            HllError::NotHll => error::NOT_AN_HLL,
            HllError::Corrupted => error::CORRUPTED_HLL,
        }
    }
}

/// Shows the log at a key to `look`; none if the key is absent.
fn read<R>(
    call: &mut Call<'_>,
    key: &[u8],
    access: Access,
    look: impl FnOnce(Hll<'_>) -> Result<R, HllError>,
) -> Result<Option<R>, Error> {
    let Some(entry) = call.keys.find(key, access) else { return Ok(None) };
    let mut text = IntText::new();
    let log = Hll::new(entry.string().ok_or(WrongType)?.bytes(&mut text))?;
    Ok(Some(look(log)?))
}

/// Changes the log at a key, which is there.
fn edit<R>(
    call: &mut Call<'_>,
    key: &[u8],
    change: impl FnOnce(&mut Vec<u8>) -> Result<R, HllError>,
) -> Result<R, Error> {
    let changed = call.keys.edit_string(key, change).ok_or(error::NO_SUCH_HLL)?;
    Ok(changed?)
}

fn add(call: &mut Call<'_>) -> Outcome {
    let (key, elements) = (call.args[1], &call.args[2..]);
    let sparse_limit = call.settings().encodings.hll_sparse_max_bytes;
    let add_all = |log: &mut Vec<u8>| {
        elements.iter().try_fold(0, |raised, element| {
            Ok::<u64, HllError>(raised + u64::from(hll::add(log, element, sparse_limit)?))
        })
    };
    let changes = if read(call, key, Access::Write, |_| Ok(()))?.is_some() {
        edit(call, key, add_all)?
    } else {
        let mut log = hll::empty();
        let raised = add_all(&mut log)?;
        call.keys.set(key, Value::Str(Str::Raw(log)), Expiry::Clear);
        raised + 1
    };
    if changes > 0 {
        call.keys.changed(key, EventClasses::STRING, "pfadd");
        call.keys.effects.dirty += changes - 1;
    }
    call.reply.int((changes > 0).into());
    DONE
}

/// How many logs are merged while they are locked: some 50 us each.
const AT_ONCE_MAX: usize = 32;

fn count(call: &mut Call<'_>) -> Outcome {
    let count = match call.args {
        [_, key] => count_one(call, key)?,
        [_, keys @ ..] if keys.len() > AT_ONCE_MAX && call.may_put_off() => {
            let logs = Logs::share(call, Access::Read);
            return Ok(Next::Compute(Box::new(move || {
                let count = logs.union().map(|union| union.registers.count());
                drop(logs);
                Box::new(move |call| {
                    call.reply.int(count? as i64);
                    DONE
                })
            })));
        }
        _ => {
            let mut registers = Registers::new();
            for key in &call.args[1..] {
                read(call, key, Access::Read, |log| log.merge_into(&mut registers))?;
            }
            registers.count()
        }
    };
    call.reply.int(count as i64);
    DONE
}

/// Another owner of the log at a key; none if the key is absent.
fn share(call: &mut Call<'_>, key: &[u8], access: Access) -> Result<Option<Arc<Vec<u8>>>, Error> {
    let Some(entry) = call.keys.find(key, access) else { return Ok(None) };
    let string = entry.string().ok_or(WrongType)?;
    Hll::new(string.bytes(&mut IntText::new()))?;
    Ok(Some(entry.share_string().unwrap_or_else(|| Arc::new(string.to_vec()))))
}

/// The logs at all keys of a request up to the first that holds something else.
#[derive(Default, PartialEq)]
struct Logs {
    found: Vec<Option<Arc<Vec<u8>>>>,
    /// Why they end there.
    refusal: Option<Error>,
}

impl Logs {
    fn share(call: &mut Call<'_>, access: Access) -> Logs {
        let mut logs = Logs::default();
        for key in &call.args[1..] {
            match share(call, key, access) {
                Ok(log) => logs.found.push(log),
                Err(refusal) => return Logs { refusal: Some(refusal), ..logs },
            }
        }
        logs
    }

    /// What they have seen together; the error of the first key that has one.
    fn union(&self) -> Result<Union, Error> {
        let mut union = Union::default();
        self.found.iter().flatten().try_for_each(|log| union.add(Hll::new(log)?))?;
        self.refusal.clone().map_or(Ok(union), Err)
    }
}

/// Counts one log and has it remember the count, which changes its value.
fn count_one(call: &mut Call<'_>, key: &[u8]) -> Result<u64, Error> {
    let found = read(call, key, Access::Read, |log| match log.cached_count() {
        Some(count) => Ok((count, true)),
        None => Ok((log.count()?, false)),
    })?;
    let Some((count, remembered)) = found else { return Ok(0) };
    if !remembered {
        call.keys.edit_string(key, |log| hll::store_count(log, count));
        call.keys.touch(key);
        call.keys.effects.dirty += 1;
        // It isn't marked as writing.
        call.keys.propagate_instead(call.args);
    }
    Ok(count)
}

/// All that several logs have seen.
#[derive(Default)]
struct Union {
    registers: Registers,
    /// Whether any log was dense.
    dense: bool,
}

impl Union {
    fn add(&mut self, log: Hll<'_>) -> Result<(), HllError> {
        self.dense |= log.encoding() == Encoding::Dense;
        log.merge_into(&mut self.registers)
    }
}

fn merge(call: &mut Call<'_>) -> Outcome {
    if call.args.len() - 1 > AT_ONCE_MAX && call.may_put_off() {
        let logs = Logs::share(call, Access::Read);
        return Ok(Next::Compute(Box::new(move || {
            let union = logs.union();
            Box::new(move |call| {
                // Who changes a log that is shared changes a copy.
                let unchanged = Logs::share(call, Access::Silent) == logs;
                drop(logs);
                if !unchanged {
                    return merge_locked(call, Access::Silent);
                }
                store_union(call, &union?)
            })
        })));
    }
    merge_locked(call, Access::Read)
}

fn merge_locked(call: &mut Call<'_>, access: Access) -> Outcome {
    let mut union = Union::default();
    for key in &call.args[1..] {
        read(call, key, access, |log| union.add(log))?;
    }
    store_union(call, &union)
}

/// Raises the registers of the first key to those of the union.
fn store_union(call: &mut Call<'_>, union: &Union) -> Outcome {
    let destination = call.args[1];
    let sparse_limit = call.settings().encodings.hll_sparse_max_bytes;
    let raise = |log: &mut Vec<u8>| hll::merge(log, &union.registers, union.dense, sparse_limit);
    if call.keys.exists(destination, Access::Write) {
        edit(call, destination, raise)?;
    } else {
        let mut log = hll::empty();
        raise(&mut log)?;
        call.keys.set(destination, Value::Str(Str::Raw(log)), Expiry::Clear);
    }
    call.keys.changed(destination, EventClasses::STRING, "pfadd");
    call.reply.ok();
    DONE
}

fn debug(call: &mut Call<'_>) -> Outcome {
    let (what, key) = (call.args[1], call.args[2]);
    let encoding = read(call, key, Access::Write, |log| Ok(log.encoding()))?.ok_or(error::NO_SUCH_HLL)?;
    if what.eq_ignore_ascii_case(b"GETREG") {
        make_dense(call, key)?;
        let mut registers = Registers::new();
        read(call, key, Access::Silent, |log| log.merge_into(&mut registers))?;
        call.reply.array(registers.values().len());
        registers.values().iter().for_each(|&value| call.reply.int(value.into()));
    } else if what.eq_ignore_ascii_case(b"DECODE") {
        let runs = read(call, key, Access::Silent, |log| log.describe_runs())?.flatten();
        call.reply.bulk(runs.ok_or(error::HLL_NOT_SPARSE)?.as_bytes());
    } else if what.eq_ignore_ascii_case(b"ENCODING") {
        call.reply.simple(if encoding == Encoding::Dense { "dense" } else { "sparse" });
    } else if what.eq_ignore_ascii_case(b"TODENSE") {
        let converted = make_dense(call, key)?;
        call.reply.int(converted.into());
    } else {
        return Err(error::unknown_pfdebug(what));
    }
    DONE
}

/// Makes a log dense, which counts as a change; true if it was sparse.
fn make_dense(call: &mut Call<'_>, key: &[u8]) -> Result<bool, Error> {
    let converted = edit(call, key, hll::to_dense)?;
    call.keys.effects.dirty += u64::from(converted);
    Ok(converted)
}

fn self_test(call: &mut Call<'_>) -> Outcome {
    let sparse_limit = call.settings().encodings.hll_sparse_max_bytes;
    let test =
        move |reply: &mut Reply| match hll::self_test(SELF_TEST_CYCLES, SELF_TEST_ELEMENTS, sparse_limit) {
            Ok(()) => reply.ok(),
            Err(failure) => reply.error(self_test_failed(failure).text()),
        };
    if call.may_put_off() {
        return Ok(Next::Later(Box::new(test)));
    }
    test(call.reply);
    DONE
}

fn self_test_failed(failure: SelfTestFailure) -> Error {
    error::hll_self_test(match failure {
        SelfTestFailure::Register { index, expected, found } => {
            format!("Register {index} should be {expected} but is {found}")
        }
        SelfTestFailure::NotSparse => "sparse encoding not used".to_owned(),
        SelfTestFailure::Disagree => "dense/sparse disagree".to_owned(),
        SelfTestFailure::TooInexact { cardinality, error } => {
            format!("Too big error. card:{cardinality} abserr:{error}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Rig;

    fn listening() -> Rig {
        let mut rig = Rig::new();
        rig.set("notify-keyspace-events", "KEA");
        rig
    }

    #[test]
    fn adding_tells_whether_the_count_may_have_changed() {
        let mut rig = listening();
        rig.check(&[("PFADD p", ":1"), ("PFADD p", ":0"), ("PFADD p a b c", ":1"), ("PFADD p a", ":0")]);
        assert_eq!((rig.events(), rig.dirty()), (vec!["0 pfadd p".to_owned(); 2], 4));
        rig.check(&[("PFCOUNT p", ":3"), ("PFCOUNT nope", ":0"), ("PFCOUNT p nope p", ":3")]);
        rig.check(&[("EXPIRE p 100", ":1"), ("PFADD p d", ":1"), ("TTL p", ":100")]);
    }

    #[test]
    fn a_count_is_remembered_as_a_change() {
        let mut rig = listening();
        rig.check(&[("PFADD p a b", ":1")]);
        rig.dirty();
        rig.events();
        rig.check(&[("PFCOUNT p", ":2"), ("PFCOUNT p", ":2"), ("PFCOUNT p p", ":2")]);
        assert_eq!((rig.events(), rig.dirty()), (Vec::new(), 1));
        let expected = b"$24\r\nHYLL\x01\0\0\0\x02\0\0\0\0\0\0\0";
        assert_eq!(&rig.call(&[b"GET", b"p"])[..expected.len()], expected);
    }

    #[test]
    fn merging_makes_a_union_and_keeps_the_deadline() {
        let mut rig = listening();
        rig.check(&[("PFADD a 1 2 3", ":1"), ("PFADD b 3 4", ":1"), ("PFMERGE u a b nope", "+OK")]);
        rig.check(&[("PFCOUNT u", ":4"), ("PFDEBUG ENCODING u", "+sparse"), ("PFDEBUG TODENSE b", ":1")]);
        rig.check(&[("EXPIRE a 50", ":1"), ("PFMERGE a b", "+OK"), ("PFCOUNT a", ":4"), ("TTL a", ":50")]);
        rig.check(&[("PFDEBUG ENCODING a", "+dense"), ("PFMERGE nothing", "+OK"), ("PFCOUNT nothing", ":0")]);
    }

    #[test]
    fn strings_that_are_no_logs_are_refused() {
        let mut rig = Rig::new();
        let invalid = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        rig.check(&[("SET s hello", "+OK"), ("SET n 10", "+OK"), ("RPUSH l x", ":1")]);
        for key in ["s", "n"] {
            for command in ["PFADD", "PFCOUNT", "PFMERGE d", "PFCOUNT d", "PFDEBUG GETREG"] {
                assert_eq!(rig.run(&format!("{command} {key}")), invalid, "{command}");
            }
        }
        rig.check(&[("PFADD l x", wrong), ("PFCOUNT l", wrong), ("PFMERGE d l", wrong), ("EXISTS d", ":0")]);
        let corrupted = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f";
        rig.call(&[b"SET", b"c", corrupted]);
        for command in ["PFADD c x", "PFCOUNT c", "PFCOUNT c d", "PFMERGE d c", "PFDEBUG GETREG c"] {
            assert_eq!(rig.run(command), "-INVALIDOBJ Corrupted HLL object detected", "{command}");
        }
    }

    #[test]
    fn many_logs_are_counted_without_locks() {
        let mut rig = Rig::new();
        for n in 0..40 {
            rig.run(&format!("PFADD p{n} a{n} b{n} c"));
        }
        let keys: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
        let args: Vec<&[u8]> =
            std::iter::once("PFCOUNT").chain(keys.iter().map(String::as_str)).map(str::as_bytes).collect();
        assert_eq!(rig.call_meanwhile(&args, &mut |rig| drop(rig.run("DEL p0 p1"))), b":81\r\n");
        rig.check(&[("SET p0 x", "+OK")]);
        let refused = rig.call(&args);
        assert!(refused.starts_with(b"-WRONGTYPE Key is not a valid HyperLogLog"));
        rig.check(&[("DEL p0", ":1"), ("RENAME p2 p0", "+OK"), ("SET p39 x", "+OK")]);
        rig.call(&[b"SET", b"p38", b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f"]);
        let merge = [&[&b"PFMERGE"[..], b"u"], &args[1..]].concat();
        for request in [&args, &merge] {
            // The corrupt one comes first, though that is found last.
            assert!(rig.call(request).starts_with(b"-INVALIDOBJ "));
        }
        rig.run("DEL p38");
        assert!(rig.call(&merge).starts_with(b"-WRONGTYPE Key is not a valid HyperLogLog"));
        rig.check(&[("EXISTS u", ":0")]);
    }

    #[test]
    fn many_logs_are_merged_without_locks() {
        let mut rig = Rig::new();
        for n in 0..40 {
            rig.run(&format!("PFADD p{n} a{n} b{n} c"));
        }
        let keys: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
        let words = ["PFMERGE", "u"].into_iter().chain(keys.iter().map(String::as_str));
        let args: Vec<&[u8]> = words.map(str::as_bytes).collect();
        let mut times = 0;
        assert_eq!(rig.call_meanwhile(&args, &mut |_| times += 1), b"+OK\r\n");
        assert_eq!(times, 1);
        rig.check(&[("PFCOUNT u", ":81"), ("DEL u", ":1")]);
        assert_eq!(rig.call_meanwhile(&args, &mut |rig| drop(rig.run("PFADD p49 new"))), b"+OK\r\n");
        rig.check(&[("PFCOUNT u", ":82")]);
        let refused = rig.call_meanwhile(&args, &mut |rig| drop(rig.run("SET p7 x")));
        assert!(refused.starts_with(b"-WRONGTYPE Key is not a valid HyperLogLog"));
    }

    #[test]
    fn debugging_shows_registers_and_runs() {
        let mut rig = Rig::new();
        rig.check(&[("PFADD p m18", ":1"), ("PFDEBUG DECODE p", "$20 Z:11341 v:1,1 Z:5042")]);
        rig.dirty();
        let registers = rig.run("PFDEBUG GETREG p");
        assert!(registers.starts_with("*16384 :0 :0 ") && registers.contains(" :1 "), "{registers}");
        assert_eq!(rig.dirty(), 1);
        rig.check(&[("PFDEBUG ENCODING p", "+dense"), ("PFDEBUG TODENSE p", ":0")]);
        rig.check(&[("PFDEBUG DECODE p", "-ERR HLL encoding is not sparse")]);
        rig.check(&[("PFDEBUG X nope", "-ERR The specified key does not exist")]);
        rig.check(&[("PFDEBUG X p", "-ERR Unknown PFDEBUG subcommand 'X'")]);
    }
}
