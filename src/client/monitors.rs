//! MONITOR: the clients that are shown every command.
//!
//! A line is made once and shared by all of them; it goes through their outboxes, so a monitor that doesn't read is
//! cut at its output limit like any other client. A command is shown under the locks it ran under: the commands on
//! a key are shown in the order in which they were executed. Without monitors a command pays one load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::handle::{Client, ClientFlags};
use crate::base::clock;
use crate::base::words::quote_into;

/// Who ran a command.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A client.
    Client(&'a Client),
    /// A script.
    Script,
}

/// See the head of this file.
#[derive(Default)]
pub struct Monitors {
    clients: Mutex<Vec<Arc<Client>>>,
    /// Whether there are any. Written with the list locked.
    active: AtomicBool,
}

impl Monitors {
    /// Whether anybody is watching.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Shows all commands from now on to a client that isn't a monitor yet.
    pub fn add(&self, client: &Arc<Client>) {
        let mut clients = self.clients.lock();
        client.set_flags(ClientFlags::MONITOR, true);
        clients.push(Arc::clone(client));
        self.active.store(true, Ordering::Relaxed);
    }

    /// Ends that.
    pub fn remove(&self, client: &Client) {
        let mut clients = self.clients.lock();
        client.set_flags(ClientFlags::MONITOR, false);
        clients.retain(|other| other.id != client.id);
        self.active.store(!clients.is_empty(), Ordering::Relaxed);
    }

    /// Shows a command that ran in a database. The arguments with these indices are secrets.
    #[cold]
    pub fn show(&self, db: usize, source: Source<'_>, args: &[&[u8]], secrets: &[usize]) {
        let clients = self.clients.lock();
        let line = Bytes::from(line(clock::unix_us(), db, source, args, secrets));
        clients.iter().for_each(|client| client.push(line.clone()));
    }
}

/// The line of a command, at a time in Unix µs.
fn line(now: i64, db: usize, source: Source<'_>, args: &[&[u8]], secrets: &[usize]) -> Vec<u8> {
    let mut line = format!("+{}.{:06} [{db} ", now / 1_000_000, now % 1_000_000).into_bytes();
    line.reserve(args.iter().map(|arg| arg.len() + 3).sum::<usize>() + 40);
    match source {
        Source::Script => line.extend(b"lua"),
        Source::Client(client) if client.flags().contains(ClientFlags::UNIX_SOCKET) => {
            let path = client.addr.strip_suffix(":0").unwrap_or(&client.addr);
            line.extend([b"unix:", path.as_bytes()].concat());
        }
        Source::Client(client) => line.extend(client.addr.as_bytes()),
    }
    line.push(b']');
    for (index, arg) in args.iter().enumerate() {
        line.push(b' ');
        quote_into(&mut line, if secrets.contains(&index) { b"(redacted)" } else { arg });
    }
    line.extend(b"\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Registry;

    #[test]
    fn lines_look_like_those_of_redis() {
        let registry = Registry::default();
        let tcp = registry.add("127.0.0.1:60866".into(), String::new(), 0, ClientFlags::empty());
        let unix = registry.add("/run/r.sock:0".into(), String::new(), 0, ClientFlags::UNIX_SOCKET);
        let text = |source, args: &[&[u8]], secrets: &[usize]| {
            String::from_utf8(line(1_339_518_083_007_412, 9, source, args, secrets)).expect("ASCII")
        };
        assert_eq!(
            text(Source::Client(&tcp), &[b"keys", b"*\r\n\xff\"\\"], &[]),
            "+1339518083.007412 [9 127.0.0.1:60866] \"keys\" \"*\\r\\n\\xff\\\"\\\\\"\r\n"
        );
        assert_eq!(
            text(Source::Client(&unix), &[b"auth", b"secret"], &[1]),
            "+1339518083.007412 [9 unix:/run/r.sock] \"auth\" \"(redacted)\"\r\n"
        );
        assert_eq!(text(Source::Script, &[b"get", b""], &[]), "+1339518083.007412 [9 lua] \"get\" \"\"\r\n");
    }

    #[test]
    fn who_stops_watching_sees_nothing_more() {
        let (registry, monitors) = (Registry::default(), Monitors::default());
        let [a, b] = [1, 2].map(|fd| registry.add(String::new(), String::new(), fd, ClientFlags::empty()));
        assert!(!monitors.is_active());
        [&a, &b].into_iter().for_each(|client| monitors.add(client));
        monitors.show(0, Source::Script, &[b"ping"], &[]);
        monitors.remove(&a);
        monitors.show(0, Source::Script, &[b"ping"], &[]);
        assert_eq!((a.outbox.frames(), b.outbox.frames(), monitors.is_active()), (1, 2, true));
        monitors.remove(&b);
        assert!(!monitors.is_active() && !b.flags().contains(ClientFlags::MONITOR));
    }
}
