//! What may still be typed, as text: arguments that the input doesn't have yet, optional ones in brackets.

use super::matching::{Matched, take_all};
use super::{Argument, Docs, Kind};
use crate::text::split;

impl Docs {
    /// What may follow an input; `None` where that isn't known. The last word counts only when a blank follows it.
    pub fn hint(&self, input: &[u8]) -> Option<String> {
        let mut words = split(input)?;
        if !input.last().is_some_and(u8::is_ascii_whitespace) {
            words.pop();
        }
        let (entry, used) = self.find(&words)?;
        let words = &words[used..];
        let Some(arguments) = &entry.arguments else {
            // Without their arguments' kinds the words typed can't be told apart.
            return Some(entry.syntax.clone().filter(|_| words.is_empty()).unwrap_or_default());
        };
        let mut found: Vec<Matched> = arguments.iter().map(Matched::nothing).collect();
        let taken = take_all(words, arguments, &mut found);
        let mut hint = String::new();
        if taken == words.len() {
            write_all(arguments, &mut found, " ", &mut hint);
        }
        Some(hint)
    }
}

/// All arguments of a command.
pub fn syntax(arguments: &[Argument]) -> String {
    let mut found: Vec<Matched> = arguments.iter().map(Matched::nothing).collect();
    let mut out = String::new();
    write_all(arguments, &mut found, " ", &mut out);
    out
}

/// Writes arguments with a separator between those that leave something to write.
fn write_all(arguments: &[Argument], found: &mut [Matched], separator: &str, out: &mut String) {
    let last = arguments.len().wrapping_sub(1);
    let mut length = out.len();
    let mut separate = |out: &mut String, at: usize| {
        if out.len() > length && at != last {
            out.push_str(separator);
            length = out.len();
        }
    };
    let mut at = 0;
    while at < arguments.len() {
        let optional = arguments[at..].iter().take_while(|argument| argument.optional).count();
        if optional == 0 {
            write(&arguments[at], &mut found[at], out);
            separate(out, at);
            at += 1;
            continue;
        }
        // Optional ones may come in any order: the one that has been begun first.
        let group = at..at + optional;
        let mut begun = None;
        for one in group.clone() {
            if found[one].words > 0 && !found[one].whole {
                write(&arguments[one], &mut found[one], out);
                separate(out, at);
                begun = Some(one);
            }
        }
        // The others can't come any more once the required one behind them is there.
        if found.get(group.end).is_none_or(|next| next.words == 0) {
            for one in group.filter(|one| begun != Some(*one)) {
                write(&arguments[one], &mut found[one], out);
                separate(out, one);
            }
        }
        at += optional;
    }
}

/// Writes what is missing of an argument.
fn write(argument: &Argument, found: &mut Matched, out: &mut String) {
    if found.whole {
        return;
    }
    let bracket = argument.optional && found.words == 0;
    if bracket {
        out.push('[');
    }
    if !found.token {
        write_token(argument, out);
    }
    match argument.kind {
        Kind::OneOf if found.words == 0 => write_all(&argument.inner, &mut found.inner, "|", out),
        Kind::OneOf => {
            for (choice, inner) in argument.inner.iter().zip(&mut found.inner) {
                if inner.words > 0 {
                    write(choice, inner, out);
                }
            }
        }
        Kind::Block => write_all(&argument.inner, &mut found.inner, " ", out),
        Kind::PureToken => {}
        _ if !found.value => write_word(&argument.name, out),
        _ => {}
    }
    if argument.multiple {
        // What is repeated is shown in full, whatever has been typed.
        *found = Matched::nothing(argument);
        write_repetition(argument, found, out);
    }
    if argument.optional && found.words == 0 {
        out.push(']');
    }
}

fn write_repetition(argument: &Argument, found: &mut Matched, out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push('[');
    if argument.multiple_token {
        write_token(argument, out);
    }
    match argument.kind {
        Kind::OneOf => write_all(&argument.inner, &mut found.inner, "|", out),
        Kind::Block => write_all(&argument.inner, &mut found.inner, " ", out),
        Kind::PureToken => {}
        _ => write_word(&argument.name, out),
    }
    out.push_str(" ...]");
}

fn write_token(argument: &Argument, out: &mut String) {
    let Some(token) = &argument.token else { return };
    write_word(token, out);
    if argument.kind != Kind::PureToken {
        out.push(' ');
    }
}

/// An empty word shows as a pair of quotes.
fn write_word(word: &str, out: &mut String) {
    out.push_str(if word.is_empty() { "\"\"" } else { word });
}
