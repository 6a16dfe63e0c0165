//! What the server tells about its commands: for completion, hints and help.

mod built_in;
mod help;
mod hint;
mod matching;

use std::collections::BTreeSet;

use crate::session::Session;
use crate::text::{is, lossy};
use crate::wire::Reply;

/// What an argument may be, as far as that matters for hints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Integer,
    Double,
    /// The token alone.
    PureToken,
    /// One of the inner arguments.
    OneOf,
    /// The inner arguments one after the other.
    Block,
}

/// An argument of a command.
#[derive(Clone, Debug)]
struct Argument {
    /// How it is shown.
    name: String,
    /// A word that stands before it.
    token: Option<String>,
    kind: Kind,
    optional: bool,
    multiple: bool,
    /// Each repetition has the token too.
    multiple_token: bool,
    inner: Vec<Argument>,
}

/// A command or subcommand.
#[derive(Clone, Debug)]
struct Entry {
    /// In capitals; of a subcommand two.
    words: Vec<String>,
    summary: String,
    since: Option<String>,
    group: String,
    /// `None` where the server tells nothing about them.
    arguments: Option<Vec<Argument>>,
    /// The arguments in one line, as help shows them; `None` where the server tells nothing.
    syntax: Option<String>,
}

impl Entry {
    fn name(&self) -> String {
        self.words.join(" ")
    }
}

/// All that is known, in the order of the names.
#[derive(Default)]
pub struct Docs {
    entries: Vec<Entry>,
    groups: BTreeSet<String>,
}

impl Docs {
    /// Asks the server of the session. One that doesn't tell is supposed to have what is built in, and what it names
    /// beyond that.
    pub fn fetch(session: &mut Session) -> Docs {
        let mut ask = |words: &[&str]| session.connection().and_then(|connection| connection.call(words));
        match ask(&["COMMAND", "DOCS"]) {
            Ok(reply) if !reply.is_error() => Docs::new(&reply),
            Ok(_) => {
                let mut entries = Docs::built_in().entries;
                let named = ask(&["COMMAND"]).map_or_else(|_| Vec::new(), |reply| named_entries(&reply));
                let known: BTreeSet<String> = entries.iter().map(|entry| entry.words[0].clone()).collect();
                entries.extend(named.into_iter().filter(|entry| !known.contains(&entry.words[0])));
                Docs::of(entries)
            }
            Err(_) => Docs::built_in(),
        }
    }

    /// From the reply of COMMAND DOCS.
    fn new(reply: &Reply) -> Docs {
        let mut entries = Vec::new();
        for (name, facts) in reply.pairs() {
            add_entries(&[&string(name)], facts, &mut entries);
        }
        Docs::of(entries)
    }

    fn of(mut entries: Vec<Entry>) -> Docs {
        entries.sort_by_key(Entry::name);
        let groups = entries.iter().map(|entry| entry.group.clone()).filter(|group| !group.is_empty());
        Docs { groups: groups.collect(), entries }
    }

    /// The entry with the most words that the input begins with, and how many these are.
    fn find(&self, words: &[Vec<u8>]) -> Option<(&Entry, usize)> {
        let begins = |entry: &&Entry| {
            entry.words.len() <= words.len()
                && entry.words.iter().zip(words).all(|(name, word)| is(word, name))
        };
        let entry = self.entries.iter().filter(begins).max_by_key(|entry| entry.words.len())?;
        Some((entry, entry.words.len()))
    }

    /// Whole lines that begin as `line` does: names of commands, and of groups after `help`.
    pub fn completions(&self, line: &str) -> Vec<String> {
        let asks_help = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("help "));
        let start = if asks_help { line.len() - line[5..].trim_start().len() } else { 0 };
        let (before, begun) = line.split_at(start);
        let names = self.entries.iter().map(Entry::name);
        let groups = self.groups.iter().filter(|_| asks_help).map(|group| format!("@{group}"));
        let fits =
            |name: &String| name.get(..begun.len()).is_some_and(|start| start.eq_ignore_ascii_case(begun));
        groups.chain(names).filter(fits).map(|name| format!("{before}{name}")).collect()
    }
}

fn string(reply: &Reply) -> String {
    reply.text().map(lossy).unwrap_or_default()
}

/// From the reply of COMMAND, for who may not ask for more: names, and how many arguments there are.
fn named_entries(reply: &Reply) -> Vec<Entry> {
    let entries = reply.items().unwrap_or_default().iter().filter_map(|command| {
        let [Reply::Bulk(name), Reply::Integer(arity), _, Reply::Integer(first_key), ..] = command.items()?
        else {
            return None;
        };
        let count = usize::try_from(arity.unsigned_abs()).ok()?.saturating_sub(1);
        let mut words = vec!["arg"; count.min(100)];
        if *first_key == 1 && !words.is_empty() {
            words[0] = "key";
        }
        if *arity < 0 {
            words.push("...options...");
        }
        Some(Entry {
            words: vec![lossy(name).to_uppercase()],
            summary: "Help not available".into(),
            since: Some("Not known".into()),
            group: "generic".into(),
            arguments: None,
            syntax: Some(words.join(" ")),
        })
    });
    entries.collect()
}

/// Adds a command and its subcommands. `names` is its name, with that of its container in front.
fn add_entries(names: &[&str], facts: &Reply, entries: &mut Vec<Entry>) {
    let mut entry = Entry {
        words: names.iter().map(|name| name.to_uppercase()).collect(),
        summary: String::new(),
        since: None,
        group: String::new(),
        arguments: None,
        syntax: None,
    };
    let place = entries.len();
    for (name, value) in facts.pairs() {
        match &string(name)[..] {
            "summary" => entry.summary = string(value),
            "since" => entry.since = Some(string(value)),
            "group" => entry.group = string(value),
            "arguments" => entry.arguments = Some(arguments(value)),
            "subcommands" if names.len() == 1 => {
                for (name, facts) in value.pairs() {
                    let name = string(name);
                    let name = name.split_once('|').map_or(&name[..], |(_, name)| name);
                    add_entries(&[names[0], name], facts, entries);
                }
            }
            _ => {}
        }
    }
    entry.syntax = entry.arguments.as_deref().map(hint::syntax);
    entries.insert(place, entry);
}

fn arguments(reply: &Reply) -> Vec<Argument> {
    reply.items().unwrap_or_default().iter().map(argument).collect()
}

fn argument(reply: &Reply) -> Argument {
    let mut argument = Argument {
        name: String::new(),
        token: None,
        kind: Kind::Word,
        optional: false,
        multiple: false,
        multiple_token: false,
        inner: Vec::new(),
    };
    let mut shown = None;
    for (name, value) in reply.pairs() {
        match &string(name)[..] {
            "name" => argument.name = string(value),
            "display_text" => shown = Some(string(value)),
            "token" => argument.token = Some(string(value)),
            "type" => {
                argument.kind = match &string(value)[..] {
                    "integer" | "unix-time" => Kind::Integer,
                    "double" => Kind::Double,
                    "pure-token" => Kind::PureToken,
                    "oneof" => Kind::OneOf,
                    "block" => Kind::Block,
                    _ => Kind::Word,
                }
            }
            "arguments" => argument.inner = arguments(value),
            "flags" => {
                for flag in value.items().unwrap_or_default() {
                    match &string(flag)[..] {
                        "optional" => argument.optional = true,
                        "multiple" => argument.multiple = true,
                        "multiple_token" => argument.multiple_token = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    argument.name = shown.unwrap_or(argument.name);
    argument
}

#[cfg(test)]
mod tests;
