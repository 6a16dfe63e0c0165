//! A client as a line of CLIENT LIST, which logs show too.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use super::handle::{Client, ClientFlags, Names};

/// What a connection's task takes besides its buffers, in bytes; a test of `server` holds it against the truth.
pub const TASK_BYTES: usize = 2096;
/// About what a subscription, a watched key or a prefix takes, in bytes.
const SUBSCRIPTION_BYTES: usize = 64;

/// The letters of CLIENT LIST in its order.
const LETTERS: [(ClientFlags, char); 13] = [
    (ClientFlags::MONITOR, 'O'),
    (ClientFlags::PUBSUB, 'P'),
    (ClientFlags::MULTI, 'x'),
    (ClientFlags::BLOCKED, 'b'),
    (ClientFlags::TRACKING, 't'),
    (ClientFlags::TRACKING_BROKEN, 'R'),
    (ClientFlags::TRACKING_BCAST, 'B'),
    (ClientFlags::DIRTY_CAS, 'd'),
    (ClientFlags::CLOSE_AFTER_REPLY, 'c'),
    (ClientFlags::CLOSE_ASAP, 'A'),
    (ClientFlags::UNIX_SOCKET, 'U'),
    (ClientFlags::NO_EVICT, 'e'),
    (ClientFlags::NO_TOUCH, 'T'),
];

/// What only the connection itself knows while it runs a command.
#[derive(Clone, Copy, Default)]
pub struct Running {
    /// Bytes of the command's arguments.
    pub arguments: usize,
    /// Bytes of replies to earlier commands, not written yet.
    pub replies: usize,
}

impl Client {
    /// The line, without its line end. `command` is the full name of its last command, if it ran one.
    pub fn describe(&self, command: Option<&str>, running: Running) -> String {
        let mut line = String::with_capacity(400);
        // Writing to a string can't fail.
        let _ = self.write_line(&mut line, command.unwrap_or("NULL"), running);
        line
    }

    fn write_line(&self, line: &mut String, command: &str, running: Running) -> std::fmt::Result {
        let names = self.names.lock().clone();
        let unsent = self.reply.unsent.load(Relaxed);
        write!(line, "id={} addr={} laddr={} fd={}", self.id, self.addr, self.laddr, self.fd)?;
        write!(line, " name={} age={} idle={}", names.name, self.age_seconds(), self.idle_seconds())?;
        let (watched, changed) = self.watched();
        write!(line, " flags={} db={}", self.letters(changed), self.db.load(Relaxed))?;
        let [sub, psub, ssub] = self.subscriptions.each_ref().map(|count| count.load(Relaxed));
        write!(line, " sub={sub} psub={psub} ssub={ssub}")?;
        write!(line, " multi={} watch={watched}", self.queued.load(Relaxed))?;
        let (used, free) = (self.query.used.load(Relaxed), self.query.free.load(Relaxed));
        let parsed = self.query.arguments.load(Relaxed);
        write!(line, " qbuf={} qbuf-free={free}", used.saturating_sub(parsed))?;
        write!(line, " argv-mem={}", parsed + running.arguments)?;
        write!(line, " multi-mem={}", self.transaction_bytes.load(Relaxed))?;
        let (capacity, peak) = (self.reply.capacity.load(Relaxed), self.reply.peak.load(Relaxed));
        write!(line, " rbs={capacity} rbp={peak} obl={}", unsent + running.replies)?;
        write!(line, " oll={} omem={}", self.outbox.frames(), self.output_bytes())?;
        write!(line, " tot-mem={}", self.memory_with(&names) + running.arguments)?;
        let events = if unsent > 0 { "rw" } else { "r" };
        let user = String::from_utf8_lossy(&names.user);
        write!(line, " events={events} cmd={command} user={user}")?;
        match self.flags().contains(ClientFlags::TRACKING) {
            true => write!(line, " redir={}", self.redirect.load(Relaxed))?,
            false => line.push_str(" redir=-1"),
        }
        write!(
            line,
            " resp={} lib-name={} lib-ver={}",
            self.resp.load(Relaxed),
            names.lib_name,
            names.lib_ver
        )
    }

    /// The letters of the flags; `changed` says that a watched key has changed.
    fn letters(&self, changed: bool) -> String {
        let mut flags = self.flags();
        flags.set(ClientFlags::DIRTY_CAS, changed);
        let mut letters: String =
            LETTERS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| letter).collect();
        if letters.is_empty() {
            letters.push('N');
        }
        letters
    }

    /// Bytes that the connection takes, its buffers included.
    pub fn memory_bytes(&self) -> usize {
        self.memory_with(&self.names.lock())
    }

    fn memory_with(&self, names: &Names) -> usize {
        let texts = [&names.name, &names.lib_name, &names.lib_ver, &self.addr, &self.laddr];
        let subscriptions: usize = self.subscriptions.iter().map(|count| count.load(Relaxed)).sum();
        let watched = self.watching.lock().as_ref().map_or(0, |(_, count)| *count);
        size_of::<Client>()
            + TASK_BYTES
            + texts.into_iter().map(String::capacity).sum::<usize>()
            + names.user.len()
            + (subscriptions + watched + self.prefixes.load(Relaxed)) * SUBSCRIPTION_BYTES
            + self.query.used.load(Relaxed)
            + self.query.free.load(Relaxed)
            // What is being sent is in the reply buffer or was taken out of the outbox.
            + self.reply.capacity.load(Relaxed).max(self.reply.unsent.load(Relaxed))
            + self.outbox.bytes()
            + self.transaction_bytes.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::client::Registry;

    #[test]
    fn a_fresh_client_in_one_line() {
        let registry = Registry::default();
        let client = registry.add("1.2.3.4:5".into(), "6.7.8.9:10".into(), 8, ClientFlags::empty());
        let line = client.describe(None, Running::default());
        let expected = "id=1 addr=1.2.3.4:5 laddr=6.7.8.9:10 fd=8 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 \
                        ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 \
                        omem=0 tot-mem=";
        assert!(line.starts_with(expected), "{line}");
        assert!(
            line.ends_with(" events=r cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver="),
            "{line}"
        );
    }

    #[test]
    fn letters_stand_in_the_order_of_redis() {
        let registry = Registry::default();
        let client: Arc<Client> = registry.add(String::new(), String::new(), 0, ClientFlags::UNIX_SOCKET);
        client.set_flags(ClientFlags::NO_TOUCH | ClientFlags::PUBSUB | ClientFlags::MULTI, true);
        assert_eq!(client.letters(true), "PxdUT");
    }
}
