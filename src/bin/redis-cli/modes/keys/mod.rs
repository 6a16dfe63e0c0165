//! The modes that look at every key: which are big, which are hot, how sizes are distributed.

mod big;
mod hot;
mod progress;
mod sizes;
mod stats;
mod tally;

pub use self::big::find_big;
pub use self::hot::find_hot;
pub use self::sizes::Measure;
pub use self::stats::stats;
