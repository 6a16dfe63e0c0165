//! MONITOR, and showing commands to those who watch.

use crate::client::{Session, Source};
use crate::command::error;
use crate::command::row::*;

use super::super::{Call, Command, DONE, Outcome};
use super::Server;

/// The row.
pub(super) const MONITOR: Command = Command::new(
    Spec::new("monitor", 1).flags(&[ADMIN, NOSCRIPT, LOADING, STALE]).doc(
        "server",
        "1.0.0",
        "",
        "Shows the commands that the server executes.",
    ),
    monitor,
);

fn monitor(call: &mut Call<'_>) -> Outcome {
    if call.nested {
        return Err(error::MONITOR_IN_TRANSACTION);
    }
    // A second MONITOR isn't answered, as in Redis.
    if !std::mem::replace(&mut call.session.monitors, true) {
        call.server.monitors.add(&call.session.client);
        call.reply.ok();
    }
    DONE
}

/// Shows a command that is about to run, if it stands for others: they come after it.
#[inline]
pub fn before(server: &Server, spec: &Spec, args: &[&[u8]], session: &Session, source: Source<'_>) {
    if server.monitors.is_active() && spec.flags.contains(SKIP_MONITOR) {
        server.monitors.show(session.db, source, args, &session.redacted);
    }
}

/// Shows a command that has run, unless it was shown before or concerns administrators only.
#[inline]
pub fn after(server: &Server, spec: &Spec, args: &[&[u8]], session: &Session, source: Source<'_>) {
    if server.monitors.is_active() && !spec.flags.intersects(SKIP_MONITOR.union(ADMIN)) {
        server.monitors.show(session.db, source, args, &session.redacted);
    }
}
