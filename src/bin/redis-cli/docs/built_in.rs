//! Commands as this program knows them, for when no server can be asked.
//!
//! `commands.tsv` has a line for each: name, version that brought it, group, arguments, summary. It is made from the
//! server's rows; a test holds it to them and tells how to make it anew. The rows themselves would bring the whole
//! server into this program.

use redstart::command::syntax::{self, Kind as Shape};

use super::{Argument, Docs, Entry, Kind, hint};

const TABLE: &str = include_str!("commands.tsv");

impl Docs {
    /// All commands of the server that this program was built with.
    pub(super) fn built_in() -> Docs {
        Docs::of(TABLE.lines().filter_map(entry).collect())
    }
}

fn entry(line: &str) -> Option<Entry> {
    let [name, since, group, arguments, summary] =
        <[&str; 5]>::try_from(line.split('\t').collect::<Vec<_>>()).ok()?;
    let arguments = syntax::parse(arguments).ok().filter(|arguments| !arguments.is_empty());
    let arguments: Option<Vec<_>> = arguments.map(|arguments| arguments.iter().map(argument).collect());
    Some(Entry {
        words: name.split('|').map(str::to_uppercase).collect(),
        summary: summary.to_owned(),
        since: Some(since.to_owned()),
        group: group.to_owned(),
        syntax: arguments.as_deref().map(hint::syntax),
        arguments,
    })
}

fn argument(from: &syntax::Argument) -> Argument {
    Argument {
        name: from.display.clone().into_owned(),
        token: from.token.map(str::to_owned),
        kind: match from.kind {
            Shape::Value("integer" | "unix-time") => Kind::Integer,
            Shape::Value("double") => Kind::Double,
            Shape::Value(_) => Kind::Word,
            Shape::Word => Kind::PureToken,
            Shape::OneOf(_) => Kind::OneOf,
            Shape::Block(_) => Kind::Block,
        },
        optional: from.optional,
        multiple: from.multiple,
        multiple_token: from.repeats_token,
        inner: from.parts().iter().map(argument).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_without_a_server() {
        let docs = Docs::built_in();
        for (input, expected) in [
            ("get ", "key"),
            ("set k v EX ", "seconds [NX|XX] [GET]"),
            ("config set a ", "value [parameter value ...]"),
            ("dbsize ", ""),
        ] {
            assert_eq!(docs.hint(input.as_bytes()).as_deref().map(str::trim_end), Some(expected), "{input}");
        }
        assert!(TABLE.lines().all(|line| entry(line).is_some()));
    }
}
