//! Completion, hints and help over a small table of commands.

use super::*;

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

fn map(pairs: Vec<(&str, Reply)>) -> Reply {
    Reply::Map(pairs.into_iter().map(|(name, value)| (bulk(name), value)).collect())
}

/// An argument: name, type, token, flags, inner ones.
fn arg(name: &str, kind: &str, token: &str, flags: &str, inner: Vec<Reply>) -> Reply {
    let mut facts = vec![("name", bulk(name)), ("type", bulk(kind))];
    if !token.is_empty() {
        facts.push(("token", bulk(token)));
    }
    let flags = flags.split_whitespace().map(|flag| Reply::Status(flag.as_bytes().to_vec())).collect();
    facts.push(("flags", Reply::Set(flags)));
    if !inner.is_empty() {
        facts.push(("arguments", Reply::Array(inner)));
    }
    map(facts)
}

fn word(name: &str) -> Reply {
    arg(name, "string", "", "", vec![])
}

fn command(summary: &str, group: &str, arguments: Vec<Reply>) -> Reply {
    map(vec![
        ("summary", bulk(summary)),
        ("since", bulk("1.0.0")),
        ("group", bulk(group)),
        ("arguments", Reply::Array(arguments)),
    ])
}

fn docs() -> Docs {
    let count = arg("count", "integer", "COUNT", "optional", vec![]);
    let pattern = arg("pattern", "pattern", "MATCH", "optional", vec![]);
    let pair = arg("data", "block", "", "multiple", vec![word("parameter"), word("value")]);
    let side = || {
        arg(
            "where",
            "oneof",
            "",
            "",
            vec![
                arg("left", "pure-token", "LEFT", "", vec![]),
                arg("right", "pure-token", "RIGHT", "", vec![]),
            ],
        )
    };
    let get = arg(
        "get-block",
        "block",
        "GET",
        "optional multiple multiple_token",
        vec![word("encoding"), word("offset")],
    );
    let key = || arg("key", "key", "", "", vec![]);
    let config = map(vec![
        ("summary", bulk("A container.")),
        ("group", bulk("server")),
        ("subcommands", map(vec![("config|set", command("Sets.", "server", vec![pair]))])),
    ]);
    Docs::new(&map(vec![
        ("get", command("Returns a value.", "string", vec![key()])),
        ("mget", command("Returns values.", "string", vec![arg("key", "key", "", "multiple", vec![])])),
        (
            "scan",
            command("Iterates.", "generic", vec![arg("cursor", "integer", "", "", vec![]), pattern, count]),
        ),
        ("config", config),
        (
            "blmove",
            command(
                "Moves.",
                "list",
                vec![key(), key(), side(), side(), arg("timeout", "double", "", "", vec![])],
            ),
        ),
        ("bitfield_ro", command("Reads.", "bitmap", vec![key(), get])),
    ]))
}

#[test]
fn hints_tell_what_is_missing() {
    let docs = docs();
    for (input, expected) in [
        ("GET ", "key"),
        ("get abc ", ""),
        ("get abc", "key"),
        ("get a b ", ""),
        ("MGET ", "key [key ...]"),
        ("MGET k k ", "[key ...]"),
        ("SCAN ", "cursor [MATCH pattern] [COUNT count]"),
        ("SCAN x ", ""),
        ("SCAN 0 COUNT ", "count [MATCH pattern] "),
        ("SCAN 0 COUNT 5 ", "[MATCH pattern] "),
        ("SCAN 0 COUNT 5 MATCH x ", ""),
        ("CONFIG SET ", "parameter value [parameter value ...]"),
        ("CONFIG SET a ", "value [parameter value ...]"),
        ("CONFIG SET a b ", "[parameter value ...]"),
        ("BLMOVE src dst ", "LEFT|RIGHT LEFT|RIGHT timeout"),
        ("BLMOVE src dst LEFT ", "LEFT|RIGHT timeout"),
        ("BLMOVE src dst LEFT RIGHT ", "timeout"),
        ("BLMOVE src dst UP ", ""),
        ("BITFIELD_RO k ", "[GET encoding offset [GET encoding offset ...]]"),
        ("BITFIELD_RO k GET ", "encoding offset [GET encoding offset ...]]"),
        ("BITFIELD_RO k GET xyz 12 GET ", "encoding offset [GET encoding offset ...]]"),
    ] {
        assert_eq!(docs.hint(input.as_bytes()).as_deref(), Some(expected), "{input}");
    }
    assert_eq!(docs.hint(b"nosuch "), None);
    assert_eq!(docs.hint(b"get \"a"), None);
    assert_eq!(docs.hint(b""), None);
}

#[test]
fn completions_replace_the_line() {
    let docs = docs();
    assert_eq!(docs.completions("ge"), ["GET"]);
    assert_eq!(docs.completions("CONFIG S"), ["CONFIG SET"]);
    assert_eq!(docs.completions("help  @s"), ["help  @server", "help  @string"]);
    assert_eq!(docs.completions("help b"), ["help BITFIELD_RO", "help BLMOVE"]);
    assert!(docs.completions("@").is_empty() && docs.completions("\u{e9}").is_empty());
}

#[test]
fn help_on_commands_and_groups() {
    let docs = docs();
    let words = |line: &str| crate::text::split(line.as_bytes()).expect("words");
    let get = "\r\n  \x1b[1mGET\x1b[0m \x1b[90mkey\x1b[0m\r\n  \x1b[33msummary:\x1b[0m Returns a value.\r\n  \x1b[33msince:\x1b[0m 1.0.0\r\n";
    assert_eq!(docs.help(&words("get")), format!("{get}  \x1b[33mgroup:\x1b[0m string\r\n\r\n"));
    let group = docs.help(&words("@STRING"));
    assert!(group.starts_with(get) && group.contains("MGET") && !group.contains("group:"), "{group}");
    let container = docs.help(&words("config"));
    assert!(
        container.contains("CONFIG\x1b[0m \x1b[90m(null)") && container.contains("CONFIG SET"),
        "{container}"
    );
    assert_eq!(docs.help(&words("nosuch")), "\r\n");
    assert!(docs.help(&[]).starts_with("redis-cli 7.4.1\nTo get help"));
}

#[test]
fn names_alone_give_the_number_of_arguments() {
    let entry = |name: &str, arity: i64, first_key: i64| {
        Reply::Array(vec![bulk(name), Reply::Integer(arity), Reply::Set(vec![]), Reply::Integer(first_key)])
    };
    let docs = Docs::of(named_entries(&Reply::Array(vec![entry("get", 2, 1), entry("echo", -2, 0)])));
    assert_eq!(docs.hint(b"get ").as_deref(), Some("key"));
    assert_eq!(docs.hint(b"echo ").as_deref(), Some("arg ...options..."));
    assert_eq!(docs.hint(b"echo x ").as_deref(), Some(""));
}
