//! The slow log: the latest commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Arguments an entry keeps; the last one then tells how many more there were.
const ARGUMENTS_MAX: usize = 32;
/// Bytes of an argument an entry keeps.
const ARGUMENT_BYTES_MAX: usize = 128;
/// What stands for a secret.
const REDACTED: &[u8] = b"(redacted)";

/// A command that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowEntry {
    /// Ascending number, unique in the life of the process.
    pub id: i64,
    /// When it ended, in Unix seconds.
    pub time: i64,
    /// How long it took, in µs.
    pub usec: u64,
    /// Its arguments, the name being the first; too many and too long ones are cut.
    pub args: Vec<Box<[u8]>>,
    /// The client's address.
    pub addr: String,
    /// The client's name.
    pub client: String,
}

/// See the head of this file. Only commands that are noted take its lock.
#[derive(Default)]
pub struct SlowLog {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The latest in front.
    entries: VecDeque<SlowEntry>,
    next_id: i64,
    last_usec: u64,
}

/// Figures about the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowLogSummary {
    /// Entries there are.
    pub len: usize,
    /// The number of the latest entry ever, if there was one.
    pub last_id: Option<i64>,
    /// How long that one took, in µs.
    pub last_usec: u64,
}

impl SlowLog {
    /// Notes an entry, whose `id` is given here, and drops the oldest beyond `max_len`.
    pub fn push(&self, entry: SlowEntry, max_len: usize) {
        if max_len == 0 {
            return;
        }
        let mut inner = self.inner.lock();
        let id = inner.next_id;
        inner.next_id += 1;
        inner.last_usec = entry.usec;
        inner.entries.push_front(SlowEntry { id, ..entry });
        inner.entries.truncate(max_len);
    }

    /// Drops the oldest entries beyond `max_len`; zero turns the log off and keeps what it has.
    pub fn trim(&self, max_len: usize) {
        if max_len != 0 {
            self.inner.lock().entries.truncate(max_len);
        }
    }

    /// The latest entries, the latest first.
    pub fn latest(&self, count: usize) -> Vec<SlowEntry> {
        self.inner.lock().entries.iter().take(count).cloned().collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.inner.lock().entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Figures about the log.
    pub fn summary(&self) -> SlowLogSummary {
        let inner = self.inner.lock();
        let last_id = inner.next_id.checked_sub(1).filter(|&id| id >= 0);
        SlowLogSummary { len: inner.entries.len(), last_id, last_usec: inner.last_usec }
    }

    /// Drops all entries; numbers go on.
    pub fn clear(&self) {
        self.inner.lock().entries = VecDeque::new();
    }
}

/// The arguments of an entry: secrets replaced, the rest cut to what is kept.
pub fn clipped(args: &[&[u8]], redacted: &[usize]) -> Vec<Box<[u8]>> {
    let kept = if args.len() > ARGUMENTS_MAX { ARGUMENTS_MAX - 1 } else { args.len() };
    let clip = |(index, arg): (usize, &&[u8])| -> Box<[u8]> {
        let (arg, more) = match arg.split_at_checked(ARGUMENT_BYTES_MAX) {
            _ if redacted.contains(&index) => return REDACTED.into(),
            Some((arg, rest)) if !rest.is_empty() => (arg, rest.len()),
            _ => return (*arg).into(),
        };
        [arg, format!("... ({more} more bytes)").as_bytes()].concat().into()
    };
    let mut clipped: Vec<_> = args[..kept].iter().enumerate().map(clip).collect();
    if kept < args.len() {
        clipped.push(format!("... ({} more arguments)", args.len() - kept).into_bytes().into());
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(usec: u64) -> SlowEntry {
        SlowEntry { id: 0, time: 1, usec, args: vec![], addr: String::new(), client: String::new() }
    }

    #[test]
    fn the_oldest_go_and_numbers_go_on() {
        let log = SlowLog::default();
        assert_eq!(log.summary(), SlowLogSummary { len: 0, last_id: None, last_usec: 0 });
        (1..=5).for_each(|usec| log.push(entry(usec), 3));
        let ids =
            |log: &SlowLog| log.latest(9).iter().map(|entry| (entry.id, entry.usec)).collect::<Vec<_>>();
        assert_eq!(ids(&log), [(4, 5), (3, 4), (2, 3)]);
        log.push(entry(6), 0);
        log.push(entry(7), 1);
        assert_eq!(ids(&log), [(5, 7)]);
        log.clear();
        assert!(log.is_empty());
        assert_eq!(log.summary(), SlowLogSummary { len: 0, last_id: Some(5), last_usec: 7 });
    }

    #[test]
    fn long_arguments_and_many_are_cut() {
        let long = [b'x'; 130];
        let cut = clipped(&[b"set", b"secret", &long, &long[..128]], &[1]);
        assert_eq!(cut[..2], [b"set"[..].into(), b"(redacted)"[..].into()]);
        assert_eq!(*cut[2], [&long[..128], b"... (2 more bytes)"].concat());
        assert_eq!(*cut[3], long[..128]);
        let many = vec![&b"a"[..]; 33];
        let cut = clipped(&many, &[]);
        assert_eq!((cut.len(), &*cut[31]), (32, &b"... (2 more arguments)"[..]));
        assert_eq!(clipped(&many[..32], &[]).len(), 32);
    }
}
