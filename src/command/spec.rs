//! What a command is, as one row: everything that COMMAND, ACL, lock plans, admission and tests derive.

use super::keys::{Begin, Find, KeyFlags, KeySpec};

bitflags::bitflags! {
    /// What a command does and where it may run. Names as in COMMAND INFO, in lower case.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Flags: u32 {
        /// May change data.
        const WRITE = 1;
        /// Reads data only.
        const READONLY = 1 << 1;
        /// May need memory: refused when there is none left.
        const DENYOOM = 1 << 2;
        /// For administrators.
        const ADMIN = 1 << 3;
        /// About pub/sub.
        const PUBSUB = 1 << 4;
        /// Not from scripts.
        const NOSCRIPT = 1 << 5;
        /// May block the client.
        const BLOCKING = 1 << 6;
        /// Also while the data set is being loaded.
        const LOADING = 1 << 7;
        /// Also on a replica with old data.
        const STALE = 1 << 8;
        /// Not shown to MONITOR.
        const SKIP_MONITOR = 1 << 9;
        /// Not noted in the slow log.
        const SKIP_SLOWLOG = 1 << 10;
        /// Asked by cluster redirections.
        const ASKING = 1 << 11;
        /// Constant or logarithmic time.
        const FAST = 1 << 12;
        /// Also before AUTH.
        const NO_AUTH = 1 << 13;
        /// May be replicated without being a write.
        const MAY_REPLICATE = 1 << 14;
        /// Not within MULTI.
        const NO_MULTI = 1 << 15;
        /// Keys are found by more than its key specs.
        const MOVABLEKEYS = 1 << 16;
        /// Also while a script runs too long.
        const ALLOW_BUSY = 1 << 17;
        /// Also in asynchronous loading.
        const NO_ASYNC_LOADING = 1 << 18;
        /// Has no key that must be given.
        const NO_MANDATORY_KEYS = 1 << 19;
        /// Refused unless the directive `enable-x-command` allows it.
        const PROTECTED = 1 << 20;
        /// The first words of a HTTP request: the connection is closed.
        const CROSS_PROTOCOL = 1 << 21;
        /// Needs the closed gate: works on all keys at one instant.
        const EXCLUSIVE = 1 << 22;
        /// Runs at once within MULTI instead of being queued.
        const IMMEDIATE = 1 << 23;
        /// Runs what MULTI has queued: its keys are theirs.
        const TRANSACTION = 1 << 24;
        /// Looks at keys that no key spec names: exact within EXEC and scripts, where it needs every shard.
        const ALL_KEYS = 1 << 25;
        /// Also for subscribers that speak RESP2.
        const SUBSCRIBER = 1 << 26;
        /// Tells whether all is well: fails when writes do because nothing can be saved.
        const HEALTH = 1 << 27;
        /// Leaves what CLIENT CACHING said for the next command.
        const KEEPS_CACHING = 1 << 28;
    }
}

impl Flags {
    /// The flags COMMAND INFO shows, with their names, in its order. The others are nobody's business.
    pub const SHOWN: [(Flags, &'static str); 19] = [
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENYOOM, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NOSCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::SKIP_MONITOR, "skip_monitor"),
        (Flags::SKIP_SLOWLOG, "skip_slowlog"),
        (Flags::ASKING, "asking"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Flags::NO_ASYNC_LOADING, "no_async_loading"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::MOVABLEKEYS, "movablekeys"),
        (Flags::ALLOW_BUSY, "allow_busy"),
    ];
}

bitflags::bitflags! {
    /// ACL categories. `READ`, `WRITE`, `FAST`, `SLOW`, `ADMIN`, `DANGEROUS`, `PUBSUB` and `BLOCKING` follow
    /// from flags; a row names only what does not.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Categories: u32 {
        /// @keyspace
        const KEYSPACE = 1;
        /// @read
        const READ = 1 << 1;
        /// @write
        const WRITE = 1 << 2;
        /// @set
        const SET = 1 << 3;
        /// @sortedset
        const SORTEDSET = 1 << 4;
        /// @list
        const LIST = 1 << 5;
        /// @hash
        const HASH = 1 << 6;
        /// @string
        const STRING = 1 << 7;
        /// @bitmap
        const BITMAP = 1 << 8;
        /// @hyperloglog
        const HYPERLOGLOG = 1 << 9;
        /// @geo
        const GEO = 1 << 10;
        /// @stream
        const STREAM = 1 << 11;
        /// @pubsub
        const PUBSUB = 1 << 12;
        /// @admin
        const ADMIN = 1 << 13;
        /// @fast
        const FAST = 1 << 14;
        /// @slow
        const SLOW = 1 << 15;
        /// @blocking
        const BLOCKING = 1 << 16;
        /// @dangerous
        const DANGEROUS = 1 << 17;
        /// @connection
        const CONNECTION = 1 << 18;
        /// @transaction
        const TRANSACTION = 1 << 19;
        /// @scripting
        const SCRIPTING = 1 << 20;
    }
}

impl Categories {
    /// Categories and their names, in the order of ACL CAT.
    pub const NAMES: [(Categories, &'static str); 21] = [
        (Categories::KEYSPACE, "keyspace"),
        (Categories::READ, "read"),
        (Categories::WRITE, "write"),
        (Categories::SET, "set"),
        (Categories::SORTEDSET, "sortedset"),
        (Categories::LIST, "list"),
        (Categories::HASH, "hash"),
        (Categories::STRING, "string"),
        (Categories::BITMAP, "bitmap"),
        (Categories::HYPERLOGLOG, "hyperloglog"),
        (Categories::GEO, "geo"),
        (Categories::STREAM, "stream"),
        (Categories::PUBSUB, "pubsub"),
        (Categories::ADMIN, "admin"),
        (Categories::FAST, "fast"),
        (Categories::SLOW, "slow"),
        (Categories::BLOCKING, "blocking"),
        (Categories::DANGEROUS, "dangerous"),
        (Categories::CONNECTION, "connection"),
        (Categories::TRANSACTION, "transaction"),
        (Categories::SCRIPTING, "scripting"),
    ];
}

/// One command's row. Built by the `const` methods below, next to the handler:
///
/// ```
/// use redstart::command::row::*;
/// const GET: Spec = Spec::new("get", 2)
///     .flags(&[READONLY, FAST])
///     .keys(&[KeySpec::at(1, &[RO, ACCESS])])
///     .categories(&[Categories::STRING])
///     .doc("string", "1.0.0", "O(1)", "Returns the string value of a key.")
///     .syntax("key");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name in lower case; a subcommand's is `container|name`.
    pub name: &'static str,
    /// Number of arguments including the name; negative: at least that many.
    pub arity: i32,
    /// What it does and where it may run.
    pub flags: Flags,
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// Categories that do not follow from the flags.
    pub explicit_categories: Categories,
    /// Hints for proxies and cluster clients.
    pub tips: &'static [&'static str],
    /// The family, as COMMAND DOCS names it.
    pub group: &'static str,
    /// The Redis version that brought it.
    pub since: &'static str,
    /// What it costs.
    pub complexity: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its arguments after the name, in the notation of [`super::syntax`].
    pub syntax: &'static str,
    /// Since when it isn't to be used any more, and what to use instead.
    pub deprecated: Option<Deprecated>,
    /// Whether it is for servers among themselves and for those who examine them.
    pub internal: bool,
}

/// What COMMAND DOCS tells of a command that isn't to be used any more.
#[derive(Clone, Copy, Debug)]
pub struct Deprecated {
    /// The Redis version that advised against it.
    pub since: &'static str,
    /// What to use instead.
    pub replaced_by: &'static str,
}

impl Spec {
    /// A row with a name and an arity, everything else empty.
    pub const fn new(name: &'static str, arity: i32) -> Spec {
        Spec {
            name,
            arity,
            flags: Flags::empty(),
            keys: &[],
            explicit_categories: Categories::empty(),
            tips: &[],
            group: "",
            since: "",
            complexity: "",
            summary: "",
            syntax: "",
            deprecated: None,
            internal: false,
        }
    }

    /// Sets the flags.
    pub const fn flags(mut self, flags: &[Flags]) -> Spec {
        let mut at = 0;
        while at < flags.len() {
            self.flags = self.flags.union(flags[at]);
            at += 1;
        }
        self
    }

    /// Sets the key specs.
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Spec {
        self.keys = keys;
        self
    }

    /// Sets the categories that do not follow from the flags.
    pub const fn categories(mut self, categories: &[Categories]) -> Spec {
        let mut at = 0;
        while at < categories.len() {
            self.explicit_categories = self.explicit_categories.union(categories[at]);
            at += 1;
        }
        self
    }

    /// Sets the tips.
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Spec {
        self.tips = tips;
        self
    }

    /// Sets what COMMAND DOCS tells.
    pub const fn doc(
        mut self,
        group: &'static str,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Spec {
        self.group = group;
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    /// Sets the arguments, in the notation of [`super::syntax`].
    pub const fn syntax(mut self, syntax: &'static str) -> Spec {
        self.syntax = syntax;
        self
    }

    /// Says that it isn't to be used any more.
    pub const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Spec {
        self.deprecated = Some(Deprecated { since, replaced_by });
        self
    }

    /// Says that users have no business with it.
    pub const fn internal(mut self) -> Spec {
        self.internal = true;
        self
    }

    /// Whether a request of `count` arguments, the name included, has the right number.
    #[inline]
    pub fn admits(&self, count: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity >= 0 { count == wanted } else { count >= wanted }
    }

    /// All ACL categories, those that follow from the flags included.
    pub fn categories_all(&self) -> Categories {
        let mut all = self.explicit_categories;
        let scripting = all.contains(Categories::SCRIPTING);
        let implied = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::ADMIN, Categories::ADMIN.union(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::FAST, Categories::FAST),
            (Flags::BLOCKING, Categories::BLOCKING),
        ];
        for (flag, category) in implied {
            if self.flags.contains(flag) {
                all |= category;
            }
        }
        if self.flags.contains(Flags::READONLY) && !scripting {
            all |= Categories::READ;
        }
        if !all.contains(Categories::FAST) {
            all |= Categories::SLOW;
        }
        all
    }

    /// Its flags as COMMAND INFO shows them: what older clients can't tell from [`Spec::key_range`] is marked.
    pub fn flags_shown(&self) -> Flags {
        if self.range_misses_keys() { self.flags | Flags::MOVABLEKEYS } else { self.flags }
    }

    /// First key, last key and step as COMMAND told them before there were key specs; a negative last key
    /// counts from the end, and all are 0 when no spec fits the form.
    pub fn key_range(&self) -> (i64, i64, i64) {
        if let [only] = self.keys {
            return only.plain_range().map_or((0, 0, 0), |(first, last, step)| (first, last, step as i64));
        }
        let merged = self.merged_ranges();
        let (Some(first), Some(last)) = (merged.first, merged.last) else { return (0, 0, 0) };
        (first, last, 1)
    }

    /// Whether keys stand elsewhere than [`Spec::key_range`] says.
    fn range_misses_keys(&self) -> bool {
        match self.keys {
            [] => false,
            [only] => only.plain_range().is_none() || only.flags.contains(KeyFlags::INCOMPLETE),
            _ => self.merged_ranges().misses,
        }
    }

    /// Joins consecutive ranges with a step of 1; a last key counted from the end lies beyond any other.
    fn merged_ranges(&self) -> Merged {
        let mut merged = Merged { first: None, last: None, misses: false };
        for spec in self.keys {
            match spec.plain_range() {
                Some((first, last, 1)) if merged.last.is_none_or(|end| end == first - 1) => {
                    merged.first = Some(merged.first.map_or(first, |seen| seen.min(first)));
                    merged.last = Some(last);
                    merged.misses |= spec.flags.contains(KeyFlags::INCOMPLETE);
                }
                _ => merged.misses = true,
            }
        }
        merged
    }
}

/// Several key specs as one range.
struct Merged {
    first: Option<i64>,
    last: Option<i64>,
    misses: bool,
}

impl KeySpec {
    /// First key, last key (negative: from the end) and step, if it is a range at a fixed place.
    fn plain_range(&self) -> Option<(i64, i64, usize)> {
        match (self.begin, self.find) {
            (Begin::Index(first), Find::Range { last, step, .. }) => {
                let first = first as i64;
                let last = i64::from(last);
                Some((first, if last >= 0 { first + last } else { last }, step))
            }
            _ => None,
        }
    }
}
