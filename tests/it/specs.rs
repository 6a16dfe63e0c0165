//! COMMAND: the rows of the server under test are those of Redis 7.4.1, and its subcommands answer alike.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::support::{Client, ReferenceCommands, Reply, Server, project_dir, testing_the_reference};

/// Commands of Redis that the server doesn't have: what replicas and their primary say to each other.
const MISSING: [&str; 4] = ["failover", "psync", "replconf", "sync"];

/// A reply of RESP3 as JSON.
fn json_of(reply: &Reply) -> Value {
    match reply {
        Reply::Int(number) => json!(number),
        Reply::Null => Value::Null,
        Reply::Array(items) | Reply::Set(items) => items.iter().map(json_of).collect(),
        Reply::Map(pairs) => Value::Object(pairs.iter().map(|(k, v)| (k.text(), json_of(v))).collect()),
        text => json!(text.text()),
    }
}

/// A row of COMMAND in the shape of the recorded table, without subcommands.
fn row_of(fields: &Value) -> Value {
    let keys =
        ["name", "arity", "flags", "first_key", "last_key", "step", "acl_categories", "tips", "key_specs"];
    let row: Map<String, Value> =
        keys.iter().enumerate().map(|(i, key)| ((*key).to_owned(), fields[i].clone())).collect();
    Value::Object(row)
}

/// What must be equal: all but the subcommands, which are rows of their own, and the remarks on key specs.
fn comparable(mut row: Value) -> Value {
    row.as_object_mut().expect("a row is an object").remove("subcommands");
    for spec in row["key_specs"].as_array_mut().expect("key specs are a list") {
        spec.as_object_mut().expect("a key spec is an object").remove("notes");
    }
    for list in ["flags", "acl_categories"] {
        row[list].as_array_mut().expect("a list").sort_by_key(ToString::to_string);
    }
    row
}

fn compare(
    fields: &Value,
    reference: &ReferenceCommands,
    seen: &mut BTreeSet<String>,
    wrong: &mut Vec<String>,
) {
    let row = comparable(row_of(fields));
    let name = row["name"].as_str().expect("a name").to_owned();
    match reference.row(&name) {
        None => wrong.push(format!("{name} is unknown to Redis")),
        Some(recorded) => {
            let recorded = comparable(recorded.clone());
            for (field, expected) in recorded.as_object().expect("a row is an object") {
                if row[field] != *expected {
                    wrong.push(format!("{name} {field}: expected {expected}, got {}", row[field]));
                }
            }
        }
    }
    seen.insert(name);
    for sub in fields[9].as_array().into_iter().flatten() {
        compare(sub, reference, seen, wrong);
    }
}

#[test]
fn rows_equal_those_of_redis() {
    let server = Server::start();
    let mut client = server.client();
    client.hello3();
    let rows = json_of(&client.call(&["COMMAND"]));
    let rows = rows.as_array().expect("COMMAND is a list");
    let reference = ReferenceCommands::load();
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for fields in rows {
        compare(fields, &reference, &mut seen, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    let missing: Vec<&str> = reference.full_names().filter(|name| !seen.contains(*name)).collect();
    let expected = if testing_the_reference() { &[][..] } else { &MISSING };
    assert_eq!(missing, expected);
    assert_eq!(
        client.call(&["COMMAND", "COUNT"]),
        Reply::Int(rows.len().try_into().expect("a small number"))
    );
    let listed: BTreeSet<String> = words(&mut client, "COMMAND LIST").into_iter().collect();
    assert_eq!(listed, seen);
}

#[test]
fn info_of_some() {
    let server = Server::start();
    let mut client = server.client();
    client.hello3();
    let names = |reply: Reply| -> Vec<Option<String>> {
        let rows = reply.items();
        rows.iter().map(|row| (*row != Reply::Null).then(|| row.items()[0].text())).collect()
    };
    let get = Some("get".to_owned());
    assert_eq!(names(client.call(&["COMMAND", "INFO", "nope", "GET"])), [None, get]);
    let sub = [Some("config|get".to_owned()), None];
    assert_eq!(names(client.call(&["COMMAND", "INFO", "config|get", "config|nope"])), sub);
    let raw = client.raw(&["COMMAND", "INFO", "nope"]);
    assert_eq!(raw, b"*1\r\n_\r\n");
}

fn words(client: &mut Client, command: &str) -> Vec<String> {
    client.call(&command.split(' ').collect::<Vec<_>>()).items().iter().map(Reply::text).collect()
}

#[test]
fn getkeys_finds_the_keys() {
    let server = Server::start();
    let mut client = server.client();
    let cases = [
        ("MSET a b c d", &["a", "c"][..]),
        ("set k v GET", &["k"]),
        ("BITOP AND d a b", &["d", "a", "b"]),
        ("COPY a b", &["a", "b"]),
        ("LCS a b IDX", &["a", "b"]),
        ("DEL x y z", &["x", "y", "z"]),
        ("OBJECT ENCODING k", &["k"]),
        ("MEMORY USAGE k", &["k"]),
        ("EVAL x 0 a", &[]),
        ("XREAD COUNT 1 STREAMS a b 0 0", &["a", "b"]),
        ("XREAD STREAMS a b c", &["a"]),
    ];
    for (command, keys) in cases {
        assert_eq!(words(&mut client, &format!("COMMAND GETKEYS {command}")), keys, "{command}");
    }
    let errors = [
        ("COMMAND GETKEYS GET", "ERR Invalid number of arguments specified for command"),
        ("COMMAND GETKEYS ZUNIONSTORE d 0 a", "ERR Invalid arguments specified for command"),
        ("COMMAND GETKEYS PING", "ERR The command has no key arguments"),
        ("COMMAND GETKEYS NOPE", "ERR Invalid command specified"),
        ("COMMAND GETKEYS", "ERR wrong number of arguments for 'command|getkeys' command"),
        ("COMMAND NOPE", "ERR unknown subcommand 'NOPE'. Try COMMAND HELP."),
    ];
    for (command, error) in errors {
        let reply = client.call(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(reply, Reply::Error(error.to_owned()), "{command}");
    }
}

#[test]
fn getkeysandflags_tells_what_is_done_to_them() {
    let server = Server::start();
    let mut client = server.client();
    let cases = [
        ("SET k v", "k OW update"),
        ("SET k v GET", "k RW access update"),
        ("GETEX k", "k RW access update"),
        ("BITFIELD k GET u8 0", "k RO access"),
        ("BITFIELD k SET u8 0 1", "k RW access update"),
        ("COPY a b", "a RO access, b OW update"),
    ];
    for (command, expected) in cases {
        let command = format!("COMMAND GETKEYSANDFLAGS {command}");
        let reply = client.call(&command.split(' ').collect::<Vec<_>>());
        let keys: Vec<String> = reply
            .items()
            .iter()
            .map(|pair| {
                let pair = pair.items();
                let mut flags: Vec<String> = pair[1].items().iter().map(Reply::text).collect();
                flags.sort();
                format!("{} {}", pair[0].text(), flags.join(" "))
            })
            .collect();
        assert_eq!(keys.join(", "), expected, "{command}");
    }
}

#[test]
fn list_filters() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(words(&mut client, "COMMAND LIST FILTERBY PATTERN ge[to]bi*"), ["getbit"]);
    let mut bitmaps = words(&mut client, "COMMAND LIST FILTERBY ACLCAT bitmap");
    bitmaps.sort();
    assert_eq!(bitmaps, ["bitcount", "bitfield", "bitfield_ro", "bitop", "bitpos", "getbit", "setbit"]);
    for nothing in ["COMMAND LIST FILTERBY ACLCAT nope", "COMMAND LIST FILTERBY MODULE foo"] {
        assert!(words(&mut client, nothing).is_empty());
    }
    for wrong in ["COMMAND LIST FILTERBY nope x", "COMMAND LIST foo", "COMMAND LIST FILTERBY ACLCAT"] {
        let reply = client.call(&wrong.split(' ').collect::<Vec<_>>());
        assert_eq!(reply, Reply::Error("ERR syntax error".to_owned()), "{wrong}");
    }
}

#[test]
fn docs_describe_a_command() {
    let server = Server::start();
    let mut client = server.client();
    client.hello3();
    assert_eq!(client.call(&["COMMAND", "DOCS", "nope"]), Reply::Map(vec![]));
    let docs = client.call(&["COMMAND", "DOCS", "incr", "config"]);
    let incr = docs.get("incr").expect("incr is described");
    assert_eq!(incr.get("group"), Some(Reply::bulk("string")));
    assert!(!incr.get("summary").expect("a summary").text().is_empty());
    let config = docs.get("config").expect("config is described");
    let subcommands = config.get("subcommands").expect("config has subcommands");
    assert!(subcommands.get("config|get").is_some(), "{subcommands:?}");
    let all = client.call(&["COMMAND", "DOCS"]).items().len() / 2;
    assert_eq!(client.call(&["COMMAND", "COUNT"]), Reply::Int(all.try_into().expect("a small number")));
}

/// What COMMAND DOCS tells of an argument, in the words of `tests/data/command-arguments-7.4.tsv`.
fn argument_facts(argument: &Reply) -> String {
    let mut facts = ["name", "type"].map(|field| argument.get(field).expect(field).text()).join(" ");
    for field in ["display_text", "key_spec_index", "token", "since", "deprecated_since"] {
        facts.extend(argument.get(field).map(|value| match value {
            Reply::Int(number) => format!(" {field}={number}"),
            text => format!(" {field}={}", text.text()),
        }));
    }
    for flag in argument.get("flags").map_or(vec![], |flags| flags.items()) {
        facts += &format!(" {}", flag.text());
    }
    facts.extend(argument.get("arguments").map(|parts| format!(" {{{}}}", arguments_facts(&parts))));
    facts
}

fn arguments_facts(arguments: &Reply) -> String {
    arguments.items().iter().map(argument_facts).collect::<Vec<_>>().join("; ")
}

/// What COMMAND DOCS tells of a command beside texts, in the words of that file.
fn docs_facts(docs: &Reply) -> String {
    let mut notes: Vec<String> =
        docs.get("doc_flags").map_or(vec![], |flags| flags.items().iter().map(Reply::text).collect());
    for field in ["deprecated_since", "replaced_by"] {
        notes.extend(docs.get(field).map(|value| format!("{field}={}", value.text())));
    }
    let arguments = docs.get("arguments").map_or(String::new(), |arguments| arguments_facts(&arguments));
    format!("{}\t{arguments}", notes.join(" "))
}

/// Lines of `facts` of all commands and subcommands; those that aren't in a file of recorded facts are wrong.
fn assert_recorded(file: &str, facts: fn(&Reply) -> Option<String>) {
    let server = Server::start();
    let mut client = server.client();
    client.hello3();
    let mut lines = BTreeSet::new();
    collect_facts(&client.call(&["COMMAND", "DOCS"]), facts, &mut lines);
    let recorded = std::fs::read_to_string(project_dir().join("tests/data").join(file));
    let recorded: BTreeSet<String> =
        recorded.expect("the facts are there").lines().map(str::to_owned).collect();
    let missing = |line: &&String| {
        let name = line.split('\t').next().expect("a name first");
        let family = name.split('|').next().expect("a name");
        testing_the_reference() || !MISSING.contains(&family)
    };
    let other: Vec<&String> = lines.difference(&recorded).collect();
    let missing: Vec<&String> = recorded.difference(&lines).filter(missing).collect();
    assert!(other.is_empty() && missing.is_empty(), "not in {file}: {other:#?}; not told: {missing:#?}");
}

fn collect_facts(all: &Reply, facts: fn(&Reply) -> Option<String>, lines: &mut BTreeSet<String>) {
    let Reply::Map(all) = all else { panic!("a map of commands") };
    for (name, docs) in all {
        lines.extend(facts(docs).map(|facts| format!("{}\t{facts}", name.text())));
        if let Some(subcommands) = docs.get("subcommands") {
            collect_facts(&subcommands, facts, lines);
        }
    }
}

#[test]
fn docs_tell_the_arguments_that_redis_tells() {
    assert_recorded("command-arguments-7.4.tsv", |docs| Some(docs_facts(docs)));
}

#[test]
fn docs_tell_which_versions_have_changed_what() {
    assert_recorded("command-history-7.4.tsv", |docs| {
        let changes = docs.get("history")?.items();
        let versions: Vec<String> = changes.iter().map(|change| change.items()[0].text()).collect();
        Some(versions.join(" "))
    });
}
