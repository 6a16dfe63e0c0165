//! The file of users: a line `user name rules` for each, blank lines between them at most.

use std::sync::Arc;

use super::error::{RuleError, SetError};
use super::pattern::has_blanks;
use super::selector::Rules;
use super::user::User;
use super::users::Table;

/// All that is wrong with a file, in one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileError(pub Vec<u8>);

/// Reads the users of a file's content. `name` is the file's, for what is told about errors.
///
/// # Errors
/// If anything is wrong; all errors are told at once.
pub fn read_users(content: &[u8], name: &str, rules: Rules<'_>) -> Result<Table, FileError> {
    let mut users = Table::new();
    let mut errors = Vec::new();
    for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
        let at = format!("{name}:{}", index + 1);
        let line = line.trim_ascii();
        if !line.is_empty() {
            read_line(line, &at, rules, &mut users, &mut errors);
        }
    }
    if errors.is_empty() {
        return Ok(users);
    }
    errors.extend_from_slice(
        b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
    );
    Err(FileError(errors))
}

fn read_line(line: &[u8], at: &str, rules: Rules<'_>, users: &mut Table, errors: &mut Vec<u8>) {
    let at = at.as_bytes();
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let [b"user", name, words @ ..] = words.as_slice() else {
        errors.extend([at, b" should start with user keyword followed by the username. "].concat());
        return;
    };
    if has_blanks(name) {
        errors.extend([b"'", at, b": username '", name, b"' contains invalid characters. "].concat());
        return;
    }
    if users.contains_key(*name) {
        let line_number = at.rsplit(|&byte| byte == b':').next().unwrap_or_default();
        errors
            .extend([b"WARNING: Duplicate user '", *name, b"' found on line ", line_number, b". "].concat());
        return;
    }
    let mut user = User::new(name, rules);
    let words: Vec<&[u8]> = words.iter().map(|word| word.trim_ascii()).collect();
    match user.apply_all(&words, rules) {
        Ok(()) => {}
        Err(SetError::Unmatched(_)) => {
            errors.extend([at, b": Unmatched parenthesis in selector definition."].concat());
        }
        // A name shows no secret.
        Err(SetError::Rule(rule, why @ RuleError::Unknown)) => {
            let why = why.to_string();
            let parts = [at, b": Error in applying operation '", &rule, b"': ", why.as_bytes(), b". "];
            errors.extend(parts.concat());
        }
        Err(SetError::Rule(_, why)) => {
            errors.extend([at, b": ", why.to_string().as_bytes(), b". "].concat());
        }
    }
    users.insert((*name).into(), Arc::new(user));
}
