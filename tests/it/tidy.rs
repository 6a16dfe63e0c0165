//! Rules of the house that a compiler doesn't check: who may use whom, first lines, lengths, nothing unfinished.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::project_dir;

/// The longest a source file may be, in lines.
const LONGEST: usize = 600;

/// The only places of unsafe code, as the head of src/lib.rs tells them.
const UNSAFE: [&str; 8] = [
    "src/base/alloc.rs",
    "src/base/ticks.rs",
    "src/keyspace/entry/",
    "src/base/prefetch.rs",
    "src/keyspace/table.rs",
    "src/keyspace/table/segment.rs",
    "src/observe/crash.rs",
    "src/script/",
];

/// A crate of modules that stand on each other.
struct House {
    root: &'static str,
    /// From the ground up: one may use those before it and those on its own step.
    steps: &'static [&'static [&'static str]],
    /// Modules that of their own step use nobody but themselves.
    apart: &'static [&'static str],
}

const LIBRARY: House = House {
    root: "src",
    steps: &[
        &["base"],
        &["resp", "types"],
        &["keyspace", "command", "acl", "config", "observe"],
        &["persist", "pubsub", "script", "client"],
        &["commands"],
        &["dispatch"],
        &["net"],
        &["server", "tools"],
    ],
    apart: &["base", "resp", "types"],
};

const CLI: House = House {
    root: "src/bin/redis-cli",
    steps: &[
        &["text", "output", "interrupt", "password"],
        &["wire"],
        &["format"],
        &["options"],
        &["connection"],
        &["session"],
        &["docs"],
        &["modes", "repl"],
        &["single"],
    ],
    apart: &["text", "interrupt", "modes", "repl"],
};

/// What redis-cli may use of the library: leaves that know nothing of a server.
const CLI_USES: [&str; 3] = ["base", "command", "config"];

impl House {
    fn step(&self, folder: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.contains(&folder))
    }

    /// Its files, without those of other programs beside it.
    fn files(&self) -> Vec<PathBuf> {
        let others = project_dir().join(self.root).join("bin");
        sources(&[self.root]).into_iter().filter(|path| !path.starts_with(&others)).collect()
    }

    /// The folder a file belongs to; `None` for main.rs and lib.rs, which see everything.
    fn folder_of(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(project_dir().join(self.root)).expect("a file of the house");
        let first = inside.iter().next().expect("a name").to_string_lossy();
        let folder = first.trim_end_matches(".rs").to_owned();
        (!matches!(folder.as_str(), "main" | "lib")).then_some(folder)
    }

    /// Uses against the arrows.
    fn wrong_uses(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for path in self.files() {
            let Some(folder) = self.folder_of(&path) else { continue };
            let Some(own_step) = self.step(&folder) else {
                wrong.push(format!("{}: {folder} has no place among the steps", short(&path)));
                continue;
            };
            for used in used_folders(&without_comments(&read(&path)), "crate::") {
                let Some(used_step) = self.step(&used) else { continue };
                let same = used_step == own_step && used != folder;
                if used_step > own_step || same && self.apart.contains(&folder.as_str()) {
                    wrong.push(format!("{}: {folder} uses {used}", short(&path)));
                }
            }
        }
        wrong
    }
}

fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| project_dir().join(folder)).collect();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() && !path.ends_with("node_modules") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn short(path: &Path) -> String {
    path.strip_prefix(project_dir()).unwrap_or(path).display().to_string()
}

/// The folders that code mentions as `crate::folder` or in `crate::{folder, other::item}`, for `crate::` as marker.
fn used_folders(code: &str, marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(marker) {
        let inside_a_word = code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$'));
        let rest = &code[at + marker.len()..];
        if inside_a_word {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_names(list)),
            None => found.push(name(rest)),
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first name of each item of a use list, which begins after its opening brace.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut names) = (0, vec![name(list)]);
    for (at, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&list[at + 1..])),
            _ => {}
        }
    }
    names
}

/// The code without comments that stand on their own lines.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_arrows_hold() {
    let mut wrong = LIBRARY.wrong_uses();
    wrong.extend(CLI.wrong_uses());
    for path in CLI.files() {
        let used = used_folders(&without_comments(&read(&path)), "redstart::");
        let foreign = used.iter().filter(|used| !CLI_USES.contains(&used.as_str()));
        wrong.extend(foreign.map(|used| format!("{}: redis-cli uses redstart::{used}", short(&path))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_scan_for_arrows_sees_uses() {
    let code =
        "use crate::a::B; use crate::{b::{x, y}, c, d::E};\nfn f() { crate::e::g(); mycrate::h(); x::f(); }";
    assert_eq!(used_folders(code, "crate::"), ["a", "b", "c", "d", "e"]);
    assert_eq!(without_comments("a\n  // crate::x\n//! crate::y\nb"), "a\nb");
}

#[test]
fn unsafe_code_is_where_it_was_meant_to_be() {
    let elsewhere: Vec<String> = sources(&["src"])
        .iter()
        .filter(|path| read(path).contains("allow(unsafe_code)"))
        .map(|path| short(path))
        .filter(|path| !UNSAFE.iter().any(|place| path.starts_with(place)))
        .collect();
    assert!(elsewhere.is_empty(), "unsafe code in {elsewhere:?}");
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .filter(|path| !read(path).starts_with("//! "))
        .map(|path| short(path))
        .collect();
    assert!(silent.is_empty(), "no //! on the first line:\n{}", silent.join("\n"));
}

#[test]
fn every_file_is_compiled() {
    let mut orphans = Vec::new();
    for path in sources(&["src"]) {
        let module = path.file_stem().and_then(|stem| stem.to_str()).expect("a name in ASCII");
        let folder = path.parent().expect("a folder");
        let parents = [
            folder.join("mod.rs"),
            folder.with_extension("rs"),
            folder.join("lib.rs"),
            folder.join("main.rs"),
        ];
        let is_declared = parents.iter().filter(|parent| parent.exists()).any(|parent| {
            let text = read(parent);
            text.lines().any(|line| line.trim_end().ends_with(&format!("mod {module};")))
        });
        if !["lib", "main", "mod"].contains(&module) && !is_declared {
            orphans.push(short(&path));
        }
    }
    assert!(orphans.is_empty(), "files that no module names: {orphans:?}");
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .map(|path| (read(path).lines().count(), short(path)))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {LONGEST} lines:\n{}", long.join("\n"));
}

/// What a sitting worker must not have in its hands, see src/server/crew.rs.
#[test]
fn tasks_are_started_where_they_are_kept_track_of() {
    let forbidden = ["tokio::spawn(", "task::yield_now("];
    let allowed = ["src/base/task.rs", "src/observe/metrics/mod.rs", "src/bin/"];
    let mut wrong = Vec::new();
    for path in sources(&["src"]) {
        let name = short(&path);
        if name.ends_with("tests.rs") || allowed.iter().any(|place| name.starts_with(place)) {
            continue;
        }
        let code = read(&path);
        // The tests of a file stand at its end.
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        if forbidden.iter().any(|call| code.contains(call)) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "not by base::task:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_unfinished() {
    let unfinished = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let mut wrong = Vec::new();
    for path in sources(&["src", "tests", "benches"]) {
        for (number, line) in read(&path).lines().enumerate() {
            if unfinished.iter().any(|call| line.contains(call)) {
                wrong.push(format!("{}:{}: {}", short(&path), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
