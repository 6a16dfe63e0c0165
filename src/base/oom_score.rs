//! How readily the kernel ends this process when memory runs out: `/proc/self/oom_score_adj`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::ops::RangeInclusive;

use parking_lot::Mutex;

const FILE: &str = "/proc/self/oom_score_adj";
/// What the kernel takes.
const BOUNDS: RangeInclusive<i32> = -1000..=1000;

/// The score from before it was ours; `None` while it isn't.
static FOUND: Mutex<Option<i32>> = Mutex::new(None);

/// What the score is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OomScore {
    /// What it was before this process changed it.
    AsFound,
    /// That and so much more.
    Relative(i32),
    /// This.
    Absolute(i32),
}

/// Sets the score. One that was never changed is left alone by [`OomScore::AsFound`].
///
/// # Errors
/// The system's, EACCES above all: a process without privileges may only raise its score. Then nothing has changed.
pub fn set(score: OomScore) -> io::Result<()> {
    let mut found = FOUND.lock();
    let before = match (*found, score) {
        (None, OomScore::AsFound) => return Ok(()),
        (Some(before), _) => before,
        (None, _) => read()?,
    };
    let wanted = match score {
        OomScore::AsFound => before,
        OomScore::Relative(more) => before.saturating_add(more),
        OomScore::Absolute(score) => score,
    };
    // The file must not come into being where /proc isn't mounted.
    let mut file = OpenOptions::new().write(true).open(FILE)?;
    file.write_all(wanted.clamp(*BOUNDS.start(), *BOUNDS.end()).to_string().as_bytes())?;
    *found = (score != OomScore::AsFound).then_some(before);
    Ok(())
}

fn read() -> io::Result<i32> {
    fs::read_to_string(FILE)?.trim().parse().map_err(io::Error::other)
}
