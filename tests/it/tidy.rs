//! Rules of the house that a compiler doesn't check: who may use whom, first lines, lengths, nothing unfinished.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::project_dir;

/// The longest a source file may be, in lines.
const LONGEST: usize = 600;

/// The folders of src/ from the ground up: one may use those before it and those on its own step.
const STEPS: [&[&str]; 8] = [
    &["base"],
    &["resp", "types"],
    &["keyspace", "command", "acl", "config", "observe"],
    &["persist", "replication", "pubsub", "script", "client"],
    &["commands"],
    &["dispatch"],
    &["net"],
    &["server", "tools"],
];

/// Folders that are pure: of their own step they use nobody but themselves.
const PURE: [&str; 3] = ["base", "resp", "types"];

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

fn step(folder: &str) -> Option<usize> {
    STEPS.iter().position(|step| step.contains(&folder))
}

/// The folder of src/ a file belongs to; `None` for main.rs and lib.rs, which see everything.
fn folder_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(project_dir().join("src")).expect("a file of src");
    let first = inside.iter().next().expect("a name").to_string_lossy();
    let folder = first.trim_end_matches(".rs").to_owned();
    (!matches!(folder.as_str(), "main" | "lib")).then_some(folder)
}

/// The folders that code mentions as `crate::folder` or in `crate::{folder, other::item}`.
fn used_folders(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
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
    let mut wrong = Vec::new();
    for path in sources(&["src"]) {
        let Some(folder) = folder_of(&path) else { continue };
        let Some(own_step) = step(&folder) else {
            wrong.push(format!("{}: {folder} has no place among the steps", short(&path)));
            continue;
        };
        for used in used_folders(&without_comments(&read(&path))) {
            let Some(used_step) = step(&used) else { continue };
            let same = used_step == own_step && used != folder;
            if used_step > own_step || same && PURE.contains(&folder.as_str()) {
                wrong.push(format!("{}: {folder} uses {used}", short(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_scan_for_arrows_sees_uses() {
    let code = "use crate::a::B; use crate::{b::{x, y}, c, d::E};\nfn f() { crate::e::g(); mycrate::h(); }";
    assert_eq!(used_folders(code), ["a", "b", "c", "d", "e"]);
    assert_eq!(without_comments("a\n  // crate::x\n//! crate::y\nb"), "a\nb");
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
fn no_file_is_too_long() {
    let long: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .map(|path| (read(path).lines().count(), short(path)))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {LONGEST} lines:\n{}", long.join("\n"));
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
