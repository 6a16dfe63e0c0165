//! Accounting for a command that has run: its statistics, the slow log, the latency monitor.

use std::time::Duration;

use super::{Listed, Server};
use crate::base::clock;
use crate::client::Session;
use crate::command::spec::{Flags, Spec};
use crate::config::Settings;
use crate::observe::{SlowEntry, clipped};

/// Accounts for a command that is complete: it took so many ns, and failed or didn't.
#[inline]
pub fn account(
    server: &Server,
    listed: &Listed,
    args: &[&[u8]],
    session: &mut Session,
    nanos: u64,
    failed: bool,
) {
    if session.replays {
        return;
    }
    server.stats.ran(listed.id, nanos, failed, session.settings.observe.latency_tracking);
    watch(server, &listed.command.spec, args, session, nanos);
}

/// The part of [`account`] that looks whether a command was slow, for one whose statistics are kept otherwise.
#[inline]
pub fn watch(server: &Server, spec: &Spec, args: &[&[u8]], session: &mut Session, nanos: u64) {
    let observe = &session.settings.observe;
    if observe.slowlog_slower_than_us.is_some_and(|limit| nanos >= limit.saturating_mul(1000)) {
        note_slow(server, spec, args, session, nanos);
    }
    if observe.latency_monitor_threshold_ms != 0 {
        let fast = spec.flags.contains(Flags::FAST);
        note_latency(
            server,
            &session.settings,
            if fast { "fast-command" } else { "command" },
            Duration::from_nanos(nanos),
        );
    }
    if !session.redacted.is_empty() {
        session.redacted.clear();
    }
}

/// Notes a command in the slow log, unless its row forbids it: it shows secrets, or stands for others as EXEC does.
#[cold]
fn note_slow(server: &Server, spec: &Spec, args: &[&[u8]], session: &Session, nanos: u64) {
    if spec.flags.contains(Flags::SKIP_SLOWLOG) {
        return;
    }
    let entry = SlowEntry {
        id: 0,
        time: clock::unix_ms() / 1000,
        usec: nanos / 1000,
        args: clipped(args, &session.redacted),
        addr: session.client.addr.clone(),
        client: session.client.names.lock().name.clone(),
    };
    server.slow_log.push(entry, session.settings.observe.slowlog_max_len);
}

/// Notes in the latency monitor that an event took this long, if that is as long as the monitor's threshold.
pub fn note_latency(server: &Server, settings: &Settings, event: &'static str, took: Duration) {
    let (threshold, took) = (settings.observe.latency_monitor_threshold_ms, took.as_millis() as u64);
    if threshold != 0 && took >= threshold {
        server.latency.note(event, took, clock::unix_ms() / 1000);
    }
}
