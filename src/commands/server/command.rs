//! COMMAND: what the server's commands are, told from their rows.

use smallvec::SmallVec;

use crate::acl::KeyUse;
use crate::base::glob;
use crate::command::row::*;
use crate::command::syntax::{self, Argument};
use crate::command::{Error, error};
use crate::commands::{Call, Catalog, Command, DONE, Found, Listed, Outcome, help};
use crate::resp::{Deferred, Reply};

use super::history::{self, Change};

const GROUP: &str = "server";

const fn row(name: &'static str, arity: i32) -> Spec {
    Spec::new(name, arity).flags(&[LOADING, STALE]).categories(&[Categories::CONNECTION])
}

pub(super) const COMMAND: Command = Command::new(
    row("command", -1).tips(&["nondeterministic_output_order"]).doc(
        GROUP,
        "2.8.13",
        "O(N) where N is the number of commands",
        "Returns details about all commands.",
    ),
    all,
)
.subcommands(&[
    Command::new(
        row("command|count", 2).doc(GROUP, "2.8.13", "O(1)", "Returns how many commands there are."),
        count,
    ),
    Command::new(
        row("command|docs", -2)
            .tips(&["nondeterministic_output_order"])
            .doc(
                GROUP,
                "7.0.0",
                "O(N) where N is the number of commands asked for",
                "Returns what commands do, since when, and what they cost.",
            )
            .syntax("[command-name*]"),
        docs,
    ),
    Command::new(
        row("command|getkeys", -3)
            .doc(
                GROUP,
                "2.8.13",
                "O(N) where N is the number of arguments",
                "Finds the keys among a command's arguments.",
            )
            .syntax("command [arg*]"),
        |call| keys(call, false),
    ),
    Command::new(
        row("command|getkeysandflags", -3)
            .doc(
                GROUP,
                "7.0.0",
                "O(N) where N is the number of arguments",
                "Finds the keys among a command's arguments, and what would be done to them.",
            )
            .syntax("command [arg*]"),
        |call| keys(call, true),
    ),
    Command::new(
        help::row("command|help", GROUP, "5.0.0").categories(&[Categories::CONNECTION]),
        command_help,
    ),
    Command::new(
        row("command|info", -2)
            .tips(&["nondeterministic_output_order"])
            .doc(
                GROUP,
                "2.8.13",
                "O(N) where N is the number of commands asked for",
                "Returns details about some commands, or all.",
            )
            .syntax("[command-name*]"),
        info,
    ),
    Command::new(
        row("command|list", -2)
            .tips(&["nondeterministic_output_order"])
            .doc(
                GROUP,
                "7.0.0",
                "O(N) where N is the number of commands",
                "Returns the names of the commands.",
            )
            .syntax("[FILTERBY filterby:<MODULE module-name|ACLCAT category|PATTERN pattern:pattern>]"),
        list,
    ),
]);

/// The commands that clients can name, in the order of the catalog.
fn named(catalog: &Catalog) -> Vec<&Listed> {
    let mut named: Vec<_> = catalog.named().map(|(_, listed)| listed).collect();
    named.sort_unstable_by_key(|listed| listed.id);
    named
}

fn all(call: &mut Call<'_>) -> Outcome {
    let server = call.server;
    let commands = named(&server.catalog);
    call.reply.array(commands.len());
    for listed in commands {
        write_info(call.reply, &server.catalog, listed);
    }
    DONE
}

fn count(call: &mut Call<'_>) -> Outcome {
    call.reply.int(call.server.catalog.named().count() as i64);
    DONE
}

fn info(call: &mut Call<'_>) -> Outcome {
    let (catalog, names) = (&call.server.catalog, &call.args[2..]);
    if names.is_empty() {
        return all(call);
    }
    call.reply.array(names.len());
    for name in names {
        match catalog.find_full_name(name) {
            Some(listed) => write_info(call.reply, catalog, listed),
            None => call.reply.null(),
        }
    }
    DONE
}

fn write_info(reply: &mut Reply, catalog: &Catalog, listed: &Listed) {
    let spec = &listed.command.spec;
    let (first, last, step) = spec.key_range();
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.int(spec.arity.into());
    write_set(
        reply,
        Flags::SHOWN.iter().filter(|(flag, _)| spec.flags_shown().contains(*flag)),
        |reply, (_, name)| {
            reply.simple(name);
        },
    );
    reply.int(first);
    reply.int(last);
    reply.int(step);
    let categories = spec.categories_all();
    write_set(
        reply,
        Categories::NAMES.iter().filter(|(flag, _)| categories.contains(*flag)),
        |reply, (_, name)| {
            reply.simple(format!("@{name}"));
        },
    );
    write_set(reply, spec.tips.iter(), |reply, tip| reply.bulk(tip.as_bytes()));
    write_set(reply, spec.keys.iter(), write_key_spec);
    let subcommands: Vec<_> = catalog.subcommands(listed).collect();
    if subcommands.is_empty() {
        return reply.set(0);
    }
    reply.array(subcommands.len());
    for sub in subcommands {
        write_info(reply, catalog, sub);
    }
}

fn write_set<T>(reply: &mut Reply, items: impl Iterator<Item = T>, write: impl Fn(&mut Reply, T)) {
    let set = reply.defer();
    let mut len = 0;
    for item in items {
        write(reply, item);
        len += 1;
    }
    reply.finish_set(set, len);
}

fn write_key_flags(reply: &mut Reply, flags: KeyFlags) {
    write_set(reply, KeyFlags::SHOWN.iter().filter(|(flag, _)| flags.contains(*flag)), |reply, (_, name)| {
        reply.simple(name);
    });
}

fn write_key_spec(reply: &mut Reply, spec: &KeySpec) {
    reply.map(if spec.notes.is_empty() { 3 } else { 4 });
    if !spec.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(spec.notes.as_bytes());
    }
    reply.bulk(b"flags");
    write_key_flags(reply, spec.flags);
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) => write_search(reply, "index", &[("index", Datum::Int(index as i64))]),
        Begin::Keyword(word, from) => {
            let data = [("keyword", Datum::Text(word)), ("startfrom", Datum::Int(from.into()))];
            write_search(reply, "keyword", &data);
        }
        Begin::Unknown => write_search(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        Find::Range { last, step, limit } => {
            let data = [
                ("lastkey", Datum::Int(last.into())),
                ("keystep", Datum::Int(step as i64)),
                ("limit", Datum::Int(limit as i64)),
            ];
            write_search(reply, "range", &data);
        }
        Find::Count { count_at, first, step } => {
            let data = [
                ("keynumidx", Datum::Int(count_at as i64)),
                ("firstkey", Datum::Int(first as i64)),
                ("keystep", Datum::Int(step as i64)),
            ];
            write_search(reply, "keynum", &data);
        }
        Find::Unknown => write_search(reply, "unknown", &[]),
    }
}

/// A field of a search's spec.
enum Datum {
    Int(i64),
    Text(&'static str),
}

fn write_search(reply: &mut Reply, kind: &str, data: &[(&str, Datum)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(data.len());
    for (name, datum) in data {
        reply.bulk(name.as_bytes());
        match datum {
            Datum::Int(value) => reply.int(*value),
            Datum::Text(text) => reply.bulk(text.as_bytes()),
        }
    }
}

fn docs(call: &mut Call<'_>) -> Outcome {
    let (catalog, names) = (&call.server.catalog, &call.args[2..]);
    let commands: Vec<&Listed> = if names.is_empty() {
        named(catalog)
    } else {
        names.iter().filter_map(|name| catalog.find_full_name(name)).collect()
    };
    call.reply.map(commands.len());
    for listed in commands {
        write_docs(call.reply, catalog, listed);
    }
    DONE
}

/// A command's name and, as its value, what is told about it.
fn write_docs(reply: &mut Reply, catalog: &Catalog, listed: &Listed) {
    let spec = &listed.command.spec;
    reply.bulk(spec.name.as_bytes());
    let mut entry = Entry::begin(reply);
    entry.text("summary", Some(spec.summary).filter(|text| !text.is_empty()));
    entry.text("since", Some(spec.since).filter(|text| !text.is_empty()));
    entry.text("group", Some(spec.group).filter(|text| !text.is_empty()));
    entry.text("complexity", Some(spec.complexity).filter(|text| !text.is_empty()));
    entry.flags("doc_flags", &[(spec.deprecated.is_some(), "deprecated"), (spec.internal, "syscmd")]);
    entry.text("deprecated_since", spec.deprecated.map(|deprecated| deprecated.since));
    entry.text("replaced_by", spec.deprecated.map(|deprecated| deprecated.replaced_by));
    entry.history(history::of(spec.name));
    // A test reads every row.
    entry.arguments(&syntax::parse(spec.syntax).unwrap_or_default());
    let subcommands: Vec<_> = catalog.subcommands(listed).collect();
    if !subcommands.is_empty() {
        let reply = entry.field("subcommands");
        reply.map(subcommands.len());
        for sub in subcommands {
            write_docs(reply, catalog, sub);
        }
    }
    entry.end();
}

/// A map of COMMAND DOCS while it is written: what isn't there has no field.
struct Entry<'r> {
    reply: &'r mut Reply,
    head: Deferred,
    fields: usize,
}

impl<'r> Entry<'r> {
    fn begin(reply: &'r mut Reply) -> Entry<'r> {
        let head = reply.defer();
        Entry { reply, head, fields: 0 }
    }

    fn end(self) {
        self.reply.finish_map(self.head, self.fields);
    }

    fn field(&mut self, name: &str) -> &mut Reply {
        self.fields += 1;
        self.reply.bulk(name.as_bytes());
        self.reply
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.field(name).bulk(text.as_bytes());
        }
    }

    fn flags(&mut self, name: &str, flags: &[(bool, &str)]) {
        let set = flags.iter().filter(|(is_set, _)| *is_set);
        if set.clone().next().is_some() {
            let reply = self.field(name);
            reply.set(set.clone().count());
            set.for_each(|(_, flag)| reply.simple(flag));
        }
    }

    fn history(&mut self, changes: &[Change]) {
        if !changes.is_empty() {
            let reply = self.field("history");
            reply.set(changes.len());
            for (version, change) in changes {
                reply.array(2);
                reply.bulk(version.as_bytes());
                reply.bulk(change.as_bytes());
            }
        }
    }

    fn arguments(&mut self, arguments: &[Argument<'_>]) {
        if !arguments.is_empty() {
            let reply = self.field("arguments");
            reply.array(arguments.len());
            arguments.iter().for_each(|argument| write_argument(reply, argument));
        }
    }
}

fn write_argument(reply: &mut Reply, argument: &Argument<'_>) {
    let mut entry = Entry::begin(reply);
    entry.text("name", Some(&argument.name));
    entry.text("type", Some(argument.type_name()));
    entry.text("display_text", Some(&*argument.display).filter(|_| argument.parts().is_empty()));
    if let Some(index) = argument.key_spec {
        entry.field("key_spec_index").int(index.into());
    }
    entry.text("token", argument.token);
    entry.text("since", argument.since);
    entry.text("deprecated_since", argument.deprecated_since);
    entry.flags(
        "flags",
        &[
            (argument.optional, "optional"),
            (argument.multiple, "multiple"),
            (argument.repeats_token, "multiple_token"),
        ],
    );
    entry.arguments(argument.parts());
    entry.end();
}

/// COMMAND GETKEYS and GETKEYSANDFLAGS.
fn keys(call: &mut Call<'_>, with_flags: bool) -> Outcome {
    let args = &call.args[2..];
    let Found::Command(Listed { command, .. }) = call.server.catalog.find(args) else {
        return Err(error::INVALID_COMMAND);
    };
    let real = |spec: &KeySpec| !spec.flags.contains(KeyFlags::NOT_KEY);
    if command.find_keys.is_none() && !command.spec.keys.iter().any(real) {
        return Err(error::NO_KEY_ARGUMENTS);
    }
    if !command.spec.admits(args.len()) {
        return Err(error::WRONG_NUMBER_OF_ARGUMENTS);
    }
    let found = match command.key_uses(args) {
        Ok(found) if !found.is_empty() => found,
        _ if command.spec.flags.contains(Flags::NO_MANDATORY_KEYS) => SmallVec::new(),
        _ => return Err(error::INVALID_ARGUMENTS),
    };
    call.reply.array(found.len());
    for KeyUse { at, flags } in found {
        if with_flags {
            call.reply.array(2);
        }
        call.reply.bulk(args[at]);
        if with_flags {
            write_key_flags(call.reply, flags);
        }
    }
    DONE
}

/// What COMMAND LIST keeps.
enum Filter<'a> {
    Everything,
    Nothing,
    Category(Categories),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn keeps(&self, spec: &Spec) -> bool {
        match self {
            Filter::Everything => true,
            Filter::Nothing => false,
            Filter::Category(category) => spec.categories_all().contains(*category),
            Filter::Pattern(pattern) => glob::matches(pattern, spec.name.as_bytes(), true),
        }
    }
}

fn list(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args_from(2);
    let mut filter = Filter::Everything;
    while !args.is_empty() {
        // FILTERBY takes exactly what is left.
        if !args.word("filterby") || args.len() != 2 {
            return Err(error::SYNTAX);
        }
        filter = read_filter(args.want()?, args.want()?)?;
    }
    let catalog = &call.server.catalog;
    let array = call.reply.defer();
    let mut len = 0;
    for listed in named(catalog) {
        for listed in std::iter::once(listed).chain(catalog.subcommands(listed)) {
            if filter.keeps(&listed.command.spec) {
                call.reply.bulk(listed.command.spec.name.as_bytes());
                len += 1;
            }
        }
    }
    call.reply.finish_array(array, len);
    DONE
}

fn read_filter<'a>(kind: &[u8], value: &'a [u8]) -> Result<Filter<'a>, Error> {
    Ok(match kind.to_ascii_lowercase().as_slice() {
        // No command comes from a module.
        b"module" => Filter::Nothing,
        b"aclcat" => {
            let known =
                Categories::NAMES.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(value));
            known.map_or(Filter::Nothing, |(category, _)| Filter::Category(*category))
        }
        b"pattern" => Filter::Pattern(value),
        _ => return Err(error::SYNTAX),
    })
}

fn command_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("(no subcommand)", "Details of all commands."),
            ("COUNT", "How many commands there are."),
            ("DOCS [<command-name> ...]", "What commands do; all of them if none is named."),
            ("GETKEYS <full-command>", "The keys among the arguments of a command."),
            ("GETKEYSANDFLAGS <full-command>", "The same, with what would be done to each key."),
            ("INFO [<command-name> ...]", "Details of some commands; of all if none is named."),
            (
                "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
                "The names of all commands, or of some.",
            ),
        ],
    )
}
