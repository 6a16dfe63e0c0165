//! Which of a command's arguments the words of an input are.
//!
//! A walk from left to right that never goes back. Optional arguments next to each other may come in any order.
//! [`Matched`] is a tree beside that of the arguments and says how far each of them has been found.

use super::{Argument, Kind};
use crate::text::is;

/// How much of an argument the input has.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// How many words were taken for it.
    pub words: usize,
    /// Its token was there.
    pub token: bool,
    /// Its value was there.
    pub value: bool,
    /// Nothing of it is missing.
    pub whole: bool,
    pub inner: Vec<Matched>,
}

impl Matched {
    /// Nothing has been found yet.
    pub fn nothing(argument: &Argument) -> Matched {
        Matched { inner: argument.inner.iter().map(Matched::nothing).collect(), ..Matched::default() }
    }

    /// An argument that has just been found with all it needs.
    fn set_whole(&mut self) {
        self.words += 1;
        self.value = true;
        self.whole = true;
    }

    /// A word that can't be the value.
    fn set_wrong(&mut self) {
        self.words = 0;
        self.value = false;
    }
}

/// Takes words for the arguments, as many as fit. Returns how many: none if a required argument doesn't fit.
pub fn take_all(words: &[Vec<u8>], arguments: &[Argument], found: &mut [Matched]) -> usize {
    let (mut taken, mut at) = (0, 0);
    while taken < words.len() && at < arguments.len() {
        let optional = arguments[at..].iter().take_while(|argument| argument.optional).count();
        if optional > 0 {
            let range = at..at + optional;
            taken += take_in_any_order(&words[taken..], &arguments[range.clone()], &mut found[range]);
            at += optional;
            continue;
        }
        match take(&words[taken..], &arguments[at], &mut found[at]) {
            0 => return 0,
            count => taken += count,
        }
        at += 1;
    }
    taken
}

/// Takes words for optional arguments, each of which may come once.
fn take_in_any_order(words: &[Vec<u8>], arguments: &[Argument], found: &mut [Matched]) -> usize {
    let (mut taken, mut last) = (0, None);
    while taken < words.len() {
        let mut next = None;
        for (at, argument) in arguments.iter().enumerate() {
            if found[at].words > 0 {
                continue;
            }
            let count = take(&words[taken..], argument, &mut found[at]);
            if count > 0 {
                next = Some((at, count));
                break;
            }
        }
        let Some((at, count)) = next else { break };
        // Where another one follows, nothing more of the last one is expected.
        if let Some(last) = last.replace(at) {
            found[last].whole = true;
        }
        taken += count;
    }
    taken
}

/// Takes words for one argument, with its repetitions.
fn take(words: &[Vec<u8>], argument: &Argument, found: &mut Matched) -> usize {
    let mut taken = take_once(words, argument, found);
    if !argument.multiple {
        return taken;
    }
    while found.whole && taken < words.len() {
        *found = Matched::nothing(argument);
        if argument.token.is_some() && !argument.multiple_token {
            // The token stands before the first one only.
            let count = take_value(&words[taken..], argument, found);
            found.token |= found.words > 0;
            taken += count;
        } else {
            taken += take_once(&words[taken..], argument, found);
        }
    }
    // More of them may follow.
    found.whole = false;
    taken
}

fn take_once(words: &[Vec<u8>], argument: &Argument, found: &mut Matched) -> usize {
    let mut words = words;
    if let Some(token) = &argument.token {
        if !words.first().is_some_and(|word| is(word, token)) {
            return 0;
        }
        found.token = true;
        found.words = 1;
        if argument.kind == Kind::PureToken {
            found.whole = true;
            return 1;
        }
        if words.len() == 1 {
            return 1;
        }
        words = &words[1..];
    }
    take_value(words, argument, found)
}

/// Takes words for what stands behind the token. Returns how many the argument has altogether.
fn take_value(words: &[Vec<u8>], argument: &Argument, found: &mut Matched) -> usize {
    let Some(word) = words.first() else { return 0 };
    match argument.kind {
        Kind::Block => {
            found.words += take_all(words, &argument.inner, &mut found.inner);
            found.whole = found.inner.iter().all(|inner| inner.whole);
        }
        Kind::OneOf => {
            for (choice, inner) in argument.inner.iter().zip(&mut found.inner) {
                if take(words, choice, inner) > 0 {
                    found.words += inner.words;
                    found.whole = inner.whole;
                    break;
                }
            }
        }
        Kind::Integer if !begins_with_integer(word) => found.set_wrong(),
        Kind::Double if !begins_with_double(word) => found.set_wrong(),
        _ => found.set_whole(),
    }
    found.words
}

fn without_sign(word: &[u8]) -> &[u8] {
    let word = word.trim_ascii_start();
    word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"+")).unwrap_or(word)
}

fn begins_with_integer(word: &[u8]) -> bool {
    without_sign(word).first().is_some_and(u8::is_ascii_digit)
}

fn begins_with_double(word: &[u8]) -> bool {
    let digits = without_sign(word);
    let names = ["inf", "nan"];
    let fraction = digits.strip_prefix(b".").unwrap_or(digits);
    fraction.first().is_some_and(u8::is_ascii_digit)
        || names.iter().any(|name| digits.get(..3).is_some_and(|start| is(start, name)))
}
