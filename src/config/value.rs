//! Values of directives as data.

use std::path::PathBuf;

/// One value in the store; its shape is given by the directive's [`Kind`](super::directive::Kind).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `yes` or `no`.
    YesNo(bool),
    /// A number in the directive's own unit.
    Integer(i64),
    /// Bytes.
    Size(u64),
    /// A share of `maxmemory`, above 0.
    Percent(u32),
    /// The code of a name, or the bits of several.
    Code(u32),
    /// Any bytes.
    Text(Box<[u8]>),
    /// When to save.
    Save(Vec<SavePoint>),
    /// Limits of clients' output, in the order normal, replica, pubsub.
    OutputLimits([OutputLimit; 3]),
    /// Addresses to listen on.
    Addresses(Vec<String>),
    /// Scores for the primary, a replica, and a background child.
    OomScores([i32; 3]),
    /// Percentiles in percent.
    Percentiles(Vec<f64>),
    /// Classes of keyspace events.
    Events(EventClasses),
    /// The primary to replicate from.
    Primary(Option<Primary>),
    /// An absolute path of a directory that existed when it was set.
    Dir(PathBuf),
}

/// Save when this many changes are this old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// At least 1.
    pub seconds: u64,
    /// Changes since the last save.
    pub changes: u64,
}

/// When a client that doesn't read its replies is disconnected. 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which it is disconnected at once.
    pub hard_bytes: u64,
    /// Bytes above which it may stay for `soft_seconds`.
    pub soft_bytes: u64,
    /// How long above `soft_bytes`.
    pub soft_seconds: u64,
}

/// A server to replicate from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A set of keyspace event classes and channels, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClasses(pub u32);

impl EventClasses {
    /// `K`: publish to `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: u32 = 1;
    /// `E`: publish to `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: u32 = 1 << 1;
    /// `g`: DEL, EXPIRE, RENAME and others that know no type.
    pub const GENERIC: u32 = 1 << 2;
    /// `$`: strings, bitmaps, HyperLogLogs.
    pub const STRING: u32 = 1 << 3;
    /// `l`: lists.
    pub const LIST: u32 = 1 << 4;
    /// `s`: sets.
    pub const SET: u32 = 1 << 5;
    /// `h`: hashes.
    pub const HASH: u32 = 1 << 6;
    /// `z`: sorted sets and geo.
    pub const ZSET: u32 = 1 << 7;
    /// `x`: a key's deadline passed.
    pub const EXPIRED: u32 = 1 << 8;
    /// `e`: a key was evicted.
    pub const EVICTED: u32 = 1 << 9;
    /// `t`: streams.
    pub const STREAM: u32 = 1 << 10;
    /// `m`: a key was looked for and not there; not in `A`.
    pub const KEY_MISS: u32 = 1 << 11;
    /// `d`: events of modules.
    pub const MODULE: u32 = 1 << 13;
    /// `n`: a key came into being; not in `A`.
    pub const NEW: u32 = 1 << 14;
    /// `A`: all but `m` and `n`.
    pub const ALL: u32 = Self::GENERIC
        | Self::STRING
        | Self::LIST
        | Self::SET
        | Self::HASH
        | Self::ZSET
        | Self::EXPIRED
        | Self::EVICTED
        | Self::STREAM
        | Self::MODULE;

    /// The classes by letter, in the order in which they are shown.
    const LETTERS: [(u8, u32); 14] = [
        (b'g', Self::GENERIC),
        (b'$', Self::STRING),
        (b'l', Self::LIST),
        (b's', Self::SET),
        (b'h', Self::HASH),
        (b'z', Self::ZSET),
        (b'x', Self::EXPIRED),
        (b'e', Self::EVICTED),
        (b't', Self::STREAM),
        (b'd', Self::MODULE),
        (b'n', Self::NEW),
        (b'K', Self::KEYSPACE),
        (b'E', Self::KEYEVENT),
        (b'm', Self::KEY_MISS),
    ];

    /// Reads letters in any order; `None` if one is unknown.
    pub fn parse(letters: &[u8]) -> Option<Self> {
        let mut bits = 0;
        for letter in letters {
            bits |= match letter {
                b'A' => Self::ALL,
                _ => Self::LETTERS.iter().find(|entry| entry.0 == *letter)?.1,
            };
        }
        Some(EventClasses(bits))
    }

    /// The letters as CONFIG GET tells them, with `A` for all classes, which hides `n`.
    pub fn letters(self) -> String {
        let all = self.0 & Self::ALL == Self::ALL;
        EventClasses(if all { self.0 & !Self::NEW } else { self.0 }).all_letters()
    }

    /// The letters, with `A` for all classes, from which [`EventClasses::parse`] makes the same set again.
    pub fn all_letters(self) -> String {
        let all = self.0 & Self::ALL == Self::ALL;
        let mut shown = if all { self.0 & !Self::ALL } else { self.0 };
        let mut text = String::from(if all { "A" } else { "" });
        for (letter, bit) in Self::LETTERS {
            if shown & bit != 0 {
                text.push(char::from(letter));
                shown &= !bit;
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::EventClasses;

    #[test]
    fn event_classes_read_back() {
        for (given, all) in
            [("", ""), ("KEA", "AKE"), ("mKxg", "gxKm"), ("g$lshzxetdE", "AE"), ("AnK", "AnK"), ("ggK", "gK")]
        {
            assert_eq!(EventClasses::parse(given.as_bytes()).unwrap().all_letters(), all);
        }
        for (given, shown) in [("AnK", "AK"), ("mKEnA", "AKEm"), ("Kng", "gnK")] {
            assert_eq!(EventClasses::parse(given.as_bytes()).unwrap().letters(), shown);
        }
        assert_eq!(EventClasses::parse(b"KQ"), None);
        assert_eq!(EventClasses::parse(b"A").unwrap().0 & (EventClasses::NEW | EventClasses::KEY_MISS), 0);
    }
}
