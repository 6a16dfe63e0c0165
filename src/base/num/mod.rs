//! Numbers as text, the way Redis reads and prints them.

mod big;
mod binary;
mod double;
mod grisu;
mod int;
mod long_double;

pub use double::{
    DoubleText, LenientDouble, exact_i64, format_f64, format_f64_17g, format_fixed, parse_f64,
    parse_f64_lenient,
};
pub use int::{IntText, parse_i64, parse_u64};
pub use long_double::LongDouble;
