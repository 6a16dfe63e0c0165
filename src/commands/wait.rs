//! WAIT and WAITAOF: waiting until others have what was written.
//!
//! A primary without replicas has nobody to wait for, and without an AOF nothing: both wait in vain until their
//! time is up.

use crate::command::row::*;
use crate::command::{args, error};
use crate::keyspace::Type;
use crate::resp::Reply;

use super::blocking::deadline_ms;
use super::{Block, Call, Command, DONE, Next, Outcome};

/// The rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        row("wait", 3)
            .doc(
                "generic",
                "3.0.0",
                "O(1)",
                "Waits until a number of replicas have what the connection has written.",
            )
            .syntax("numreplicas:integer timeout:integer"),
        wait,
    ),
    Command::new(
        row("waitaof", 4)
            .doc(
                "generic",
                "7.2.0",
                "O(1)",
                "Waits until what the connection has written is on disk, here and on a number of replicas.",
            )
            .syntax("numlocal:integer numreplicas:integer timeout:integer"),
        waitaof,
    ),
];

const fn row(name: &'static str, arity: i32) -> Spec {
    Spec::new(name, arity)
        .flags(&[BLOCKING])
        .categories(&[Categories::CONNECTION])
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
}

fn wait(call: &mut Call<'_>) -> Outcome {
    let replicas = args::int(call.args[1])?;
    let deadline = deadline_ms(call.args[2], call.keys.now())?;
    if replicas <= 0 {
        call.reply.int(0);
        return DONE;
    }
    wait_in_vain(call, deadline, |reply| reply.int(0))
}

fn waitaof(call: &mut Call<'_>) -> Outcome {
    let local = args::int_in(call.args[1], 0, 1)?;
    let replicas = args::int(call.args[2]).ok().filter(|&count| count >= 0).ok_or(error::NOT_POSITIVE)?;
    let deadline = deadline_ms(call.args[3], call.keys.now())?;
    let journal = &call.server.keyspace.journal;
    if local > 0 && !journal.is_on() {
        return Err(error::WAITAOF_WITHOUT_AOF);
    }
    let written = call.session.written;
    let durable = journal.is_on() && journal.is_durable(written);
    if replicas == 0 && (local == 0 || durable) {
        tell(call.reply, durable);
        return DONE;
    }
    let position = (replicas == 0).then_some(written);
    if call.nested {
        tell(call.reply, durable);
        return DONE;
    }
    let timeout_reply =
        if durable { |reply: &mut Reply| tell(reply, true) } else { |reply: &mut Reply| tell(reply, false) };
    let Next::Block(block) = wait_in_vain(call, deadline, timeout_reply)? else { return DONE };
    Ok(Next::Block(Box::new(Block { durable: position, ..*block })))
}

/// Answers WAITAOF: whether what the client has written is on disk here, and that no replica has it.
pub fn tell(reply: &mut Reply, durable: bool) {
    reply.array(2);
    reply.int(durable.into());
    reply.int(0);
}

fn wait_in_vain(call: &mut Call<'_>, deadline: Option<i64>, timeout_reply: fn(&mut Reply)) -> Outcome {
    // No key can end the waiting, so the type doesn't matter.
    call.block(Block { timeout_reply, ..Block::new(&[], deadline, Type::String) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Rig;

    #[test]
    fn nobody_to_wait_for_is_no_reason_to_wait() {
        let mut rig = Rig::new();
        rig.check(&[("WAIT 0 0", ":0"), ("WAIT -1 5", ":0"), ("WAITAOF 0 0 0", "*2 :0 :0")]);
        rig.nested = true;
        rig.check(&[("WAIT 1 0", ":0"), ("WAITAOF 0 1 0", "*2 :0 :0")]);
    }

    #[test]
    fn wrong_arguments() {
        Rig::new().check(&[
            ("WAIT x -1", "-ERR value is not an integer or out of range"),
            ("WAIT 1 -1", "-ERR timeout is negative"),
            ("WAIT 0 x", "-ERR timeout is not an integer or out of range"),
            ("WAIT 1 9223372036854775807", "-ERR timeout is out of range"),
            ("WAITAOF 1 0 0", "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
            ("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1"),
            ("WAITAOF 0 x 0", "-ERR value is out of range, must be positive"),
            ("WAITAOF 0 -1 0", "-ERR value is out of range, must be positive"),
            ("WAITAOF 1 0 -1", "-ERR timeout is negative"),
        ]);
    }
}
