//! One directive: its name, what values it takes, who may change it, and what it means here.

use super::choices::Names;
use super::errors::ValueError;
use super::value::OutputLimit;

/// A row of the table. Everything that knows a directive by name learns it from here.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    /// The name in lower case.
    pub name: &'static str,
    /// An older name that is understood and answered as well.
    pub alias: Option<&'static str>,
    /// The values it takes, with its default.
    pub kind: Kind,
    /// Who may change it and when.
    pub flags: Flags,
    /// Whether it means something here.
    pub effect: Effect,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// Whether a directive means something in Redstart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does; its value is found in [`Settings`](super::Settings).
    Acts,
    /// It is accepted, answered and rewritten, so that files and tools made for Redis work, but what it
    /// tunes doesn't exist here.
    Kept,
}

/// Who may change a directive, and who sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    /// Only the file and the command line may set it.
    pub immutable: bool,
    /// CONFIG SET needs `enable-protected-configs`.
    pub protected: bool,
    /// Its value is kept out of the slow log, MONITOR and logs.
    pub sensitive: bool,
    /// CONFIG GET answers it only by its exact name.
    pub hidden: bool,
    /// Setting it to the same value counts as a change, because what it names may have changed.
    pub volatile: bool,
    /// CONFIG SET refuses it while the dataset is being loaded.
    pub deny_loading: bool,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Just a number.
    Count,
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hundredths.
    Percent,
}

/// Checks a text beyond its being bytes.
pub type Check = fn(&[u8]) -> Result<(), ValueError>;

/// The shapes of values, each with its default.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `yes` or `no` in any case.
    YesNo(bool),
    /// A decimal integer in inclusive bounds. A valid one is then moved into `clamp`.
    Integer { default: i64, min: i64, max: i64, clamp: (i64, i64), unit: Unit },
    /// Bytes, with or without a unit (`kb` is 1024, `k` is 1000), or a percentage if `percent`. A valid
    /// one below `floor` is raised to it.
    Size { default: u64, min: u64, max: u64, floor: u64, percent: bool },
    /// Permission bits in octal.
    Octal { default: u32, max: u32 },
    /// One of some names.
    Choice { names: Names, default: u32 },
    /// Any of some names, and their bits together, except save with nosave.
    ShutdownFlags,
    /// Bytes. If `unset` the empty text is the same as no value, and no line is written for it.
    Text { default: &'static str, unset: bool, check: Check },
    /// Pairs of seconds and changes.
    Save(&'static [(u64, u64)]),
    /// Groups of class, hard limit, soft limit and seconds; classes not named keep theirs.
    OutputLimits([OutputLimit; 3]),
    /// Up to 16 addresses.
    Addresses(&'static [&'static str]),
    /// Three scores from -2000 to 2000.
    OomScores([i32; 3]),
    /// Percentages from 0 to 100.
    Percentiles(&'static [f64]),
    /// Letters of keyspace event classes.
    Events,
    /// Host and port of a primary, or `no one`.
    Primary,
    /// An existing directory; the default is the current one.
    Dir,
}

impl Kind {
    /// Whether a value consists of several words.
    pub fn takes_many(&self) -> bool {
        matches!(
            self,
            Kind::ShutdownFlags
                | Kind::Save(_)
                | Kind::OutputLimits(_)
                | Kind::Addresses(_)
                | Kind::OomScores(_)
                | Kind::Percentiles(_)
                | Kind::Primary
        )
    }
}

impl Directive {
    /// A directive that acts, anyone may set at any time, and everyone sees.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        let flags = Flags {
            immutable: false,
            protected: false,
            sensitive: false,
            hidden: false,
            volatile: false,
            deny_loading: false,
        };
        Directive { name, alias: None, kind, flags, effect: Effect::Acts, doc }
    }

    /// Gives it an older name.
    pub const fn alias(mut self, name: &'static str) -> Self {
        self.alias = Some(name);
        self
    }

    /// See [`Effect::Kept`].
    pub const fn kept(mut self) -> Self {
        self.effect = Effect::Kept;
        self
    }

    /// See [`Flags::immutable`].
    pub const fn immutable(mut self) -> Self {
        self.flags.immutable = true;
        self
    }

    /// See [`Flags::protected`].
    pub const fn protected(mut self) -> Self {
        self.flags.protected = true;
        self
    }

    /// See [`Flags::sensitive`].
    pub const fn sensitive(mut self) -> Self {
        self.flags.sensitive = true;
        self
    }

    /// See [`Flags::hidden`].
    pub const fn hidden(mut self) -> Self {
        self.flags.hidden = true;
        self
    }

    /// See [`Flags::volatile`].
    pub const fn volatile(mut self) -> Self {
        self.flags.volatile = true;
        self
    }

    /// See [`Flags::deny_loading`].
    pub const fn deny_loading(mut self) -> Self {
        self.flags.deny_loading = true;
        self
    }

    /// Moves valid values into these bounds.
    pub const fn clamped(mut self, low: i64, high: i64) -> Self {
        if let Kind::Integer { clamp, .. } = &mut self.kind {
            *clamp = (low, high);
        }
        self
    }

    /// Raises valid sizes to at least this many bytes.
    pub const fn floor(mut self, bytes: u64) -> Self {
        if let Kind::Size { floor, .. } = &mut self.kind {
            *floor = bytes;
        }
        self
    }

    /// Checks texts beyond their being bytes.
    pub const fn checked(mut self, with: Check) -> Self {
        if let Kind::Text { check, .. } = &mut self.kind {
            *check = with;
        }
        self
    }
}

/// The largest `int` of C, the usual upper bound of counts.
pub(super) const INT_MAX: i64 = i32::MAX as i64;

/// `yes` or `no`.
pub(super) const fn yes_no(name: &'static str, default: bool, doc: &'static str) -> Directive {
    Directive::new(name, Kind::YesNo(default), doc)
}

/// An integer in inclusive bounds.
pub(super) const fn integer(
    name: &'static str,
    default: i64,
    (min, max): (i64, i64),
    unit: Unit,
    doc: &'static str,
) -> Directive {
    Directive::new(name, Kind::Integer { default, min, max, clamp: (min, max), unit }, doc)
}

/// Bytes in inclusive bounds.
pub(super) const fn size(
    name: &'static str,
    default: u64,
    (min, max): (u64, u64),
    doc: &'static str,
) -> Directive {
    Directive::new(name, Kind::Size { default, min, max, floor: 0, percent: false }, doc)
}

/// Bytes or a percentage of `maxmemory`.
pub(super) const fn size_or_percent(name: &'static str, doc: &'static str) -> Directive {
    let kind = Kind::Size { default: 0, min: 0, max: i64::MAX as u64, floor: 0, percent: true };
    Directive::new(name, kind, doc)
}

/// One of some names.
pub(super) const fn choice(name: &'static str, names: Names, default: u32, doc: &'static str) -> Directive {
    Directive::new(name, Kind::Choice { names, default }, doc)
}

/// A text that may be empty.
pub(super) const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Directive {
    Directive::new(name, Kind::Text { default, unset: false, check: any_bytes }, doc)
}

/// A text whose absence and emptiness are the same.
pub(super) const fn optional(name: &'static str, doc: &'static str) -> Directive {
    Directive::new(name, Kind::Text { default: "", unset: true, check: any_bytes }, doc)
}

fn any_bytes(_: &[u8]) -> Result<(), ValueError> {
    Ok(())
}
