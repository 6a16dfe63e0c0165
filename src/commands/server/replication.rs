//! ROLE, REPLICAOF and SLAVEOF of a server that is a primary and has no replicas.

use crate::base::num;
use crate::command::error;
use crate::command::row::*;
use crate::commands::{Call, Command, DONE, Outcome};

const GROUP: &str = "server";

const fn replicaof_row(name: &'static str, since: &'static str) -> Spec {
    Spec::new(name, 3).flags(&[ADMIN, NO_ASYNC_LOADING, NOSCRIPT, STALE]).doc(
        GROUP,
        since,
        "O(1)",
        "Makes the server a replica of another one, or a primary.",
    )
}

pub(super) const REPLICAOF: Command = Command::new(
    replicaof_row("replicaof", "5.0.0").syntax("args:<host-port:(host port:integer)|no-one:(NO ONE)>"),
    replicaof,
);
pub(super) const SLAVEOF: Command = Command::new(
    replicaof_row("slaveof", "1.0.0")
        .syntax("args:<host-port:(host port:integer)|no-one:(NO ONE)>")
        .deprecated("5.0.0", "`REPLICAOF`"),
    replicaof,
);

pub(super) const ROLE: Command = Command::new(
    Spec::new("role", 1)
        .flags(&[FAST, LOADING, NOSCRIPT, STALE])
        .categories(&[Categories::ADMIN, Categories::DANGEROUS])
        .doc(GROUP, "2.8.12", "O(1)", "Returns whether the server is a primary or a replica, and of whom."),
    role,
);

fn replicaof(call: &mut Call<'_>) -> Outcome {
    let (host, port) = (call.args[1], call.args[2]);
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        call.reply.ok();
        return DONE;
    }
    if !num::parse_i64(port).is_some_and(|port| (0..=65535).contains(&port)) {
        return Err(error::INVALID_PRIMARY_PORT);
    }
    Err(error::NO_REPLICATION)
}

fn role(call: &mut Call<'_>) -> Outcome {
    call.reply.array(3);
    call.reply.bulk(b"master");
    call.reply.int(0);
    call.reply.array(0);
    DONE
}
