//! Key specs: where a command's keys stand among its arguments, and finding them.

bitflags::bitflags! {
    /// What a command does with the keys of one spec. Names as in COMMAND INFO.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct KeyFlags: u16 {
        /// Read only.
        const RO = 1;
        /// Read and written.
        const RW = 1 << 1;
        /// Overwritten.
        const OW = 1 << 2;
        /// Removed.
        const RM = 1 << 3;
        /// The value is returned, copied or used.
        const ACCESS = 1 << 4;
        /// The value is changed.
        const UPDATE = 1 << 5;
        /// Data is added without looking at what is there.
        const INSERT = 1 << 6;
        /// Data is deleted.
        const DELETE = 1 << 7;
        /// Not a key, but routed like one.
        const NOT_KEY = 1 << 8;
        /// The spec may miss keys.
        const INCOMPLETE = 1 << 9;
        /// The flags depend on other arguments.
        const VARIABLE_FLAGS = 1 << 10;
    }
}

impl KeyFlags {
    /// Flags with the names that COMMAND INFO shows, in its order.
    pub const SHOWN: [(KeyFlags, &'static str); 11] = [
        (KeyFlags::RO, "RO"),
        (KeyFlags::RW, "RW"),
        (KeyFlags::OW, "OW"),
        (KeyFlags::RM, "RM"),
        (KeyFlags::ACCESS, "access"),
        (KeyFlags::UPDATE, "update"),
        (KeyFlags::INSERT, "insert"),
        (KeyFlags::DELETE, "delete"),
        (KeyFlags::NOT_KEY, "not_key"),
        (KeyFlags::INCOMPLETE, "incomplete"),
        (KeyFlags::VARIABLE_FLAGS, "variable_flags"),
    ];
}

/// Where the search for keys begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// At this argument; 0 is the name.
    Index(usize),
    /// Behind this word, searched from an argument on; a negative one counts from the end, backwards.
    Keyword(&'static str, i32),
    /// Not described by a spec.
    Unknown,
}

/// Which arguments from there on are keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find {
    /// Up to `last` (relative; negative from the end), each `step`th; `limit` over 1 takes that fraction.
    Range {
        /// Last key, relative to the first; negative: from the end.
        last: i32,
        /// Distance between keys.
        step: usize,
        /// 0 or 1: no limit; `n`: the first `n`th part of the arguments.
        limit: usize,
    },
    /// A count of keys, then the keys.
    Count {
        /// Where the count stands, relative to the beginning.
        count_at: usize,
        /// Where the first key stands, likewise.
        first: usize,
        /// Distance between keys.
        step: usize,
    },
    /// Not described by a spec.
    Unknown,
}

/// One key spec of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySpec {
    /// What happens with the keys.
    pub flags: KeyFlags,
    /// Where the search begins.
    pub begin: Begin,
    /// Which arguments are keys.
    pub find: Find,
    /// A remark that COMMAND INFO shows.
    pub notes: &'static str,
}

/// A request's number of keys is not a number, is below one, or exceeds its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidKeys;

impl KeySpec {
    /// One key at an argument.
    pub const fn at(index: usize, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::range(index, 0, 1, flags)
    }

    /// Keys from an argument to `last` relative to it (negative: from the end), each `step`th.
    pub const fn range(index: usize, last: i32, step: usize, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Index(index), Find::Range { last, step, limit: 0 }, flags)
    }

    /// A number of keys at an argument, followed by the keys.
    pub const fn counted(index: usize, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Index(index), Find::Count { count_at: 0, first: 1, step: 1 }, flags)
    }

    /// Keys behind a word, searched from an argument on; a negative `from` counts from the end, backwards.
    pub const fn behind(word: &'static str, from: i32, find: Find, flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Keyword(word, from), find, flags)
    }

    /// Keys that only the command's own finder can name.
    pub const fn unknown(flags: &[KeyFlags]) -> KeySpec {
        KeySpec::new(Begin::Unknown, Find::Unknown, flags)
    }

    const fn new(begin: Begin, find: Find, flags: &[KeyFlags]) -> KeySpec {
        let mut all = KeyFlags::empty();
        let mut at = 0;
        while at < flags.len() {
            all = all.union(flags[at]);
            at += 1;
        }
        KeySpec { flags: all, begin, find, notes: "" }
    }

    /// Adds a remark.
    pub const fn notes(mut self, notes: &'static str) -> KeySpec {
        self.notes = notes;
        self
    }

    /// Calls `found` with the index of each key in `args`, whose first element is the name.
    ///
    /// # Errors
    /// If the arguments contradict themselves about where keys are.
    #[inline]
    pub fn for_each(&self, args: &[&[u8]], found: &mut dyn FnMut(usize)) -> Result<(), InvalidKeys> {
        let Some(begin) = self.begin.position(args) else { return Ok(()) };
        match self.find {
            Find::Unknown => Ok(()),
            Find::Range { last, step, limit } => {
                let (first, count) = (begin as i64, args.len() as i64);
                let last = match limit {
                    _ if last >= 0 => first + i64::from(last),
                    0 | 1 => count + i64::from(last),
                    limit => first + (count - first) / limit as i64 + i64::from(last),
                };
                // The keys of a spec may all be left out: PFMERGE without sources.
                if first >= count || !(first..count).contains(&last) {
                    return Ok(());
                }
                (begin..=last as usize).step_by(step).for_each(found);
                Ok(())
            }
            Find::Count { count_at, first, step } => {
                let count = args.get(begin + count_at).and_then(|text| crate::base::num::parse_i64(text));
                let count = count.filter(|&count| count >= 0).ok_or(InvalidKeys)? as usize;
                let first = begin + first;
                let end =
                    count.checked_mul(step).and_then(|span| first.checked_add(span)).ok_or(InvalidKeys)?;
                if end > args.len() + step - 1 {
                    return Err(InvalidKeys);
                }
                (first..end).step_by(step).for_each(found);
                Ok(())
            }
        }
    }
}

impl Begin {
    fn position(self, args: &[&[u8]]) -> Option<usize> {
        match self {
            Begin::Index(index) => Some(index),
            Begin::Unknown => None,
            Begin::Keyword(word, from) => {
                let is_word = |&at: &usize| args[at].eq_ignore_ascii_case(word.as_bytes());
                let found = if from >= 0 {
                    // The last argument can't be the word: no key stands behind it.
                    (from as usize..args.len().saturating_sub(1)).find(is_word)
                } else {
                    let start = args.len().checked_sub(from.unsigned_abs() as usize)?;
                    (1..=start).rev().find(is_word)
                };
                found.map(|at| at + 1)
            }
        }
    }
}
