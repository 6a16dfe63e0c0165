//! The `help` command.

use super::{Docs, Entry};
use crate::options::VERSION;
use crate::text::lossy;

/// What `help` alone tells.
fn general() -> String {
    format!(
        "redis-cli {VERSION}\n\
         To get help about Redis commands type:\n      \
         \"help @<group>\" to get a list of commands in <group>\n      \
         \"help <command>\" for help on <command>\n      \
         \"help <tab>\" to get a list of possible help topics\n      \
         \"quit\" to exit\n\
         \n\
         To set redis-cli preferences:\n      \
         \":set hints\" enable online hints\n      \
         \":set nohints\" disable online hints\n\
         Set your preferences in ~/.redisclirc\n"
    )
}

impl Docs {
    /// Help on a command, on a command with its subcommands, or with `@` on a group; general help on nothing.
    pub fn help(&self, topic: &[Vec<u8>]) -> String {
        let words: Vec<String> = topic.iter().map(|word| lossy(word)).collect();
        let Some(first) = words.first() else { return general() };
        let mut out = String::new();
        let group = first.strip_prefix('@');
        for entry in &self.entries {
            let fits = match group {
                Some(group) => entry.group.eq_ignore_ascii_case(group),
                None => is_part_of(&words, entry),
            };
            if fits {
                write(entry, group.is_none(), &mut out);
            }
        }
        out + "\r\n"
    }
}

fn is_part_of(words: &[String], entry: &Entry) -> bool {
    words.len() <= entry.words.len()
        && words.iter().zip(&entry.words).all(|(word, name)| word.eq_ignore_ascii_case(name))
}

fn write(entry: &Entry, with_group: bool, out: &mut String) {
    // As Redis's redis-cli shows a command without arguments.
    let syntax = entry.syntax.as_deref().unwrap_or("(null)");
    out.push_str(&format!("\r\n  \x1b[1m{}\x1b[0m \x1b[90m{syntax}\x1b[0m\r\n", entry.name()));
    let group = Some(&entry.group).filter(|_| with_group);
    let fields = [("summary", Some(&entry.summary)), ("since", entry.since.as_ref()), ("group", group)];
    for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        out.push_str(&format!("  \x1b[33m{name}:\x1b[0m {value}\r\n"));
    }
}
