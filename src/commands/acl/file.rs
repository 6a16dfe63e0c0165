//! ACL SAVE and LOAD, and the users that the configuration names.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::acl::{DEFAULT_USER, Replaced, RuleError, SetError, Table, User, has_blanks, read_users};
use crate::base::replace;
use crate::command::{Error, error};
use crate::config::{LineError, LoadError, UserLine, os_text};

use super::super::{Call, DONE, Outcome, Server};
use super::cut::{cut_pubsub, cut_user};

/// What is said of users both in lines and in a file.
const USERS_TWICE: &str = "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. This setup is very likely to lead to configuration errors and security holes, please define either an ACL file or declare users directly in your redis.conf, but not both.";

fn file(call: &Call<'_>) -> Result<PathBuf, Error> {
    call.settings().security.aclfile.clone().ok_or(error::NO_ACL_FILE)
}

pub(super) fn save(call: &mut Call<'_>) -> Outcome {
    let file = file(call)?;
    if let Err(failure) = replace::replace(&file, &lines(call.server).join(&b'\n')) {
        tracing::warn!("ACL SAVE failed: {failure}");
        return Err(error::ACL_SAVE);
    }
    call.reply.ok();
    DONE
}

/// The lines of all users, with an empty one behind them.
fn lines(server: &Server) -> Vec<Vec<u8>> {
    let lines = server.acl.all().iter().map(|user| user.line()).collect::<Vec<_>>();
    lines.into_iter().chain([Vec::new()]).collect()
}

pub(super) fn load(call: &mut Call<'_>) -> Outcome {
    let file = file(call)?;
    let server = call.server;
    let users = read(server, &file).map_err(|why| Error::new([b"ERR ", why.as_slice()].concat()))?;
    let own = call.session.client.id;
    let mut own_too = false;
    for (name, before) in server.acl.replace(users) {
        own_too |= match server.acl.get(&name) {
            Some(after) => cut_pubsub(server, &Replaced { before: Some(before), after }, own),
            None => cut_user(server, &name, own),
        };
    }
    if own_too {
        call.session.lose_user(&server.acl);
    }
    call.reply.ok();
    DONE
}

/// Reads the file of users.
fn read(server: &Server, file: &Path) -> Result<Table, Vec<u8>> {
    let name = file.display().to_string();
    let content = fs::read(file).map_err(|failure| {
        format!("Error loading ACLs, opening file '{name}': {}", os_text(&failure)).into_bytes()
    })?;
    let all_channels = server.config.settings().security.acl_pubsub_allchannels;
    read_users(&content, &name, server.acl.rules(all_channels)).map_err(|why| why.0)
}

/// Checks the `user` lines of the configuration and makes these users.
///
/// # Errors
/// The first line that is wrong.
pub fn load_lines(server: &Server) -> Result<(), LoadError> {
    let all_channels = server.config.settings().security.acl_pubsub_allchannels;
    let rules = server.acl.rules(all_channels);
    let mut users = Table::new();
    for UserLine { words, at } in server.config.user_lines() {
        let fails = |word: &[u8], why: RuleError| {
            let word = String::from_utf8_lossy(word).into_owned();
            LoadError::Line(at.clone(), LineError::User(word, why.to_string()))
        };
        let [name, words @ ..] = words.as_slice() else { continue };
        if has_blanks(name) {
            return Err(fails(name, RuleError::Syntax));
        }
        if users.contains_key(&**name) {
            return Err(fails(name, RuleError::Duplicate));
        }
        let mut user = User::new(name, rules);
        user.apply_all(words, rules).map_err(|why: SetError| {
            let (word, why) = why.parts();
            fails(word, why)
        })?;
        if !user.is_enabled() {
            tracing::info!(
                "The user '{}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a configuration error.",
                String::from_utf8_lossy(name)
            );
        }
        users.insert(name.as_slice().into(), Arc::new(user));
    }
    if !users.is_empty() {
        // The default user may have a password by `requirepass`.
        users.entry(DEFAULT_USER.into()).or_insert_with(|| server.acl.default_user());
        server.acl.replace(users);
    }
    Ok(())
}

/// Makes the users that the configuration names, by lines or by a file.
///
/// # Errors
/// Why the server can't start with them; it is in the log as well if it is about the file.
pub fn load_at_start(server: &Server) -> Result<(), String> {
    let settings = server.config.settings();
    let Some(file) = &settings.security.aclfile else {
        return load_lines(server).map_err(|error| error.to_string());
    };
    if !server.config.user_lines().is_empty() {
        return Err(USERS_TWICE.to_owned());
    }
    let users = read(server, file);
    let users = users.map_err(|why| {
        format!("Aborting Redis startup because of ACL errors: {}", String::from_utf8_lossy(&why))
    })?;
    server.acl.replace(users);
    Ok(())
}
