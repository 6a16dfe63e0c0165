//! A cursor over a request's arguments, with the conversions that commands share.

use super::error::{self, Error};
use crate::base::num;

/// Arguments still to be read. The words of options compare without case.
#[derive(Clone)]
pub struct Args<'a> {
    rest: &'a [&'a [u8]],
}

impl<'a> Args<'a> {
    /// A cursor at the first of `args`.
    pub fn new(args: &'a [&'a [u8]]) -> Args<'a> {
        Args { rest: args }
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that are left.
    pub fn rest(&self) -> &'a [&'a [u8]] {
        self.rest
    }

    /// The next argument without taking it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.rest.first().copied()
    }

    /// Takes the next argument, if there is one.
    pub fn take(&mut self) -> Option<&'a [u8]> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Takes the next argument.
    ///
    /// # Errors
    /// A syntax error if there is none.
    pub fn want(&mut self) -> Result<&'a [u8], Error> {
        self.take().ok_or(error::SYNTAX)
    }

    /// Takes this many arguments, if there are that many.
    pub fn take_many(&mut self, count: usize) -> Option<&'a [&'a [u8]]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Takes the next argument if it is this word.
    pub fn word(&mut self, word: &str) -> bool {
        let matches = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if matches {
            self.rest = &self.rest[1..];
        }
        matches
    }

    /// Takes the next argument as an integer.
    ///
    /// # Errors
    /// A syntax error if there is none; "not an integer" if it isn't one.
    pub fn int(&mut self) -> Result<i64, Error> {
        int(self.want()?)
    }

    /// Takes the next argument as a double.
    ///
    /// # Errors
    /// A syntax error if there is none; "not a valid float" if it isn't one.
    pub fn float(&mut self) -> Result<f64, Error> {
        float(self.want()?)
    }
}

/// An argument as an integer.
///
/// # Errors
/// `ERR value is not an integer or out of range`.
#[inline]
pub fn int(arg: &[u8]) -> Result<i64, Error> {
    num::parse_i64(arg).ok_or(error::NOT_AN_INTEGER)
}

/// An argument as an integer within limits.
///
/// # Errors
/// `ERR value is out of range, value must between min and max`; not an integer.
pub fn int_in(arg: &[u8], min: i64, max: i64) -> Result<i64, Error> {
    let value = int(arg)?;
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(Error::new(format!("ERR value is out of range, value must between {min} and {max}")))
}

/// An argument as a number of things, which may be none.
///
/// # Errors
/// `otherwise`, if it is anything else.
pub fn count(arg: &[u8], otherwise: Error) -> Result<usize, Error> {
    num::parse_i64(arg).and_then(|count| usize::try_from(count).ok()).ok_or(otherwise)
}

/// An argument as a number of things, one at least.
///
/// # Errors
/// `otherwise`, if it is anything else.
pub fn positive(arg: &[u8], otherwise: Error) -> Result<usize, Error> {
    num::parse_i64(arg)
        .and_then(|count| usize::try_from(count).ok())
        .filter(|&count| count > 0)
        .ok_or(otherwise)
}

/// An argument as a double.
///
/// # Errors
/// `ERR value is not a valid float`.
pub fn float(arg: &[u8]) -> Result<f64, Error> {
    num::parse_f64(arg).ok_or(error::NOT_A_FLOAT)
}
