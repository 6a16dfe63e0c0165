//! What LMPOP and ZMPOP, and their forms that wait, are told: keys, an end and a count.

use crate::command::{Args, Error, args, error};

/// `numkeys key... end [COUNT count]`.
pub struct MultiPop<'a, E> {
    /// The keys in the order in which they are tried.
    pub keys: &'a [&'a [u8]],
    /// The end to pop at.
    pub end: E,
    /// The most that is popped: one without COUNT.
    pub count: usize,
}

impl<'a, E> MultiPop<'a, E> {
    /// Reads the arguments from the number of keys on; `end` reads the word that names an end.
    ///
    /// # Errors
    /// A number that isn't positive; a syntax error for all else.
    pub fn parse(mut args: Args<'a>, end: fn(&[u8]) -> Result<E, Error>) -> Result<Self, Error> {
        let keys = args::positive(args.want()?, error::NUMKEYS_NOT_POSITIVE)?;
        let keys = args.take_many(keys).ok_or(error::SYNTAX)?;
        let end = end(args.want()?)?;
        let mut count = None;
        while !args.is_empty() {
            if count.is_some() || args.len() < 2 || !args.word("COUNT") {
                return Err(error::SYNTAX);
            }
            count = Some(args::positive(args.want()?, error::COUNT_NOT_POSITIVE)?);
        }
        Ok(MultiPop { keys, end, count: count.unwrap_or(1) })
    }
}
