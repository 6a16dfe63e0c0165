//! The configuration of a running server: read by everyone, changed by CONFIG SET.
//!
//! Readers keep the [`Settings`] together with their [version](Config::version): one atomic load tells whether anything
//! has changed, and only then they take the new settings under a lock. Writers go one at a time, in two phases, because
//! some changes can fail outside, as a port that is taken:
//!
//! ```text
//! let prepared = config.prepare(&pairs, caller)?;   // every value is checked, nothing is changed
//! if prepared.changes().has("port") { listen(prepared.settings().network.port) … }
//! prepared.commit();                                 // or prepared.veto("port", Veto::Port)
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::base::glob;

use super::choices::Allowed;
use super::directive::Directive;
use super::errors::{ConfigError, ValueError, Veto};
use super::load::{Loaded, RenameCommand, UserLine};
use super::parse::Context;
use super::rewrite::{self, Scope};
use super::settings::Settings;
use super::table::{self, Found};
use super::values::Values;

/// The configuration of the process. Loaded while it is owned, then shared in an `Arc`.
pub struct Config {
    pub(super) current: RwLock<Current>,
    /// Counts commits. Released after the new settings are in place, so that who acquires a new version
    /// also finds settings at least as new.
    version: AtomicU64,
    /// Held from `prepare` to `commit`, so that two CONFIG SETs don't overwrite each other.
    writer: Mutex<()>,
    pub(super) loaded: Loaded,
}

/// Values and what is derived from them, always replaced together.
pub(super) struct Current {
    pub values: Arc<Values>,
    pub settings: Arc<Settings>,
}

impl Current {
    pub fn new(values: Values) -> Self {
        let settings = Arc::new(Settings::read(&values));
        Current { values: Arc::new(values), settings }
    }
}

/// Who asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// CONFIG SET of a client.
    Client {
        /// It came over loopback or the Unix socket.
        local: bool,
        /// The dataset is still being loaded.
        loading: bool,
    },
    /// The server itself, which notes what is so: the primary after REPLICAOF, or a `maxclients` that the
    /// limit of open files allows. Nothing is refused to it but wrong values.
    Server,
}

impl Config {
    /// The defaults, in the current directory.
    pub fn new() -> Self {
        Self::in_dir(&std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")))
    }

    /// The defaults, with relative paths starting at `cwd`, which is absolute.
    pub fn in_dir(cwd: &Path) -> Self {
        Config {
            current: RwLock::new(Current::new(Values::new(cwd))),
            version: AtomicU64::new(0),
            writer: Mutex::new(()),
            loaded: Loaded::new(cwd),
        }
    }

    /// Moves when anything changes. Costs one load.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The settings of now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.current.read().settings)
    }

    /// The absolute path of the configuration file, if the server was started with one.
    pub fn file(&self) -> Option<&Path> {
        self.loaded.file.as_deref()
    }

    /// The `rename-command` lines in their order. The catalog of commands checks and applies them.
    pub fn renames(&self) -> &[RenameCommand] {
        &self.loaded.renames
    }

    /// The `user` lines in their order. The ACL checks and applies them.
    pub fn user_lines(&self) -> &[UserLine] {
        &self.loaded.users
    }

    /// CONFIG GET: names and values of all directives that match a pattern, in the order of the names. A
    /// name without wildcards is answered as it was written, whatever its case, and finds hidden
    /// directives too.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let values = Arc::clone(&self.current.read().values);
        let mut found: Vec<(Vec<u8>, Found)> = Vec::new();
        for &pattern in patterns {
            if pattern.iter().any(|byte| b"[*?".contains(byte)) {
                let seen = table::names().filter(|entry| !entry.row.directive().flags.hidden);
                let matching = seen.filter(|entry| glob::matches(pattern, entry.name.as_bytes(), true));
                found.extend(matching.map(|entry| (entry.name.as_bytes().to_vec(), entry)));
            } else if let Some(entry) = table::find(pattern) {
                found.push((pattern.to_vec(), entry));
            }
        }
        // The sort is stable, so of one name written in several ways the first stays.
        found.sort_by_key(|(_, entry)| entry.name);
        found.dedup_by_key(|(_, entry)| entry.name);
        let show =
            |(name, entry): (Vec<u8>, Found)| (name, entry.row.directive().show(values.get(entry.row)));
        found.into_iter().map(show).collect()
    }

    /// Checks changes as CONFIG SET does: all or none. Changes of others wait until the result is
    /// committed or dropped, so a thread must not prepare twice at a time.
    ///
    /// # Errors
    /// The first pair that isn't allowed, else the first whose value is wrong.
    pub fn prepare(&self, pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<Prepared<'_>, ConfigError> {
        let writer = self.writer.lock();
        let (old, settings) = {
            let current = self.current.read();
            (Arc::clone(&current.values), Arc::clone(&current.settings))
        };
        let found = admit(pairs, caller, settings.security.protected_configs)?;
        let mut values = Values::clone(&old);
        for (entry, (_, text)) in found.iter().zip(pairs) {
            let directive = entry.row.directive();
            let words: Vec<&[u8]> = match text {
                [] if directive.kind.takes_many() => vec![],
                _ if directive.kind.takes_many() => text.split(|&byte| byte == b' ').collect(),
                _ => vec![text],
            };
            let context = Context { current: values.get(entry.row), dir: values.dir() };
            let value = directive.kind.parse(&words, &context);
            values.set(entry.row, value.map_err(|why| ConfigError::Value(entry.name.to_owned(), why))?);
        }
        let mut changes = Changes(Vec::new());
        for Found { row, .. } in found {
            let directive = row.directive();
            let differs = values.get(row) != old.get(row) || directive.flags.volatile;
            if differs && !changes.has(directive.name) {
                changes.0.push(directive);
            }
        }
        Ok(Prepared { config: self, next: Current::new(values), changes, _writer: writer })
    }

    /// Changes what needs no one else's consent.
    ///
    /// # Errors
    /// As for [`prepare`](Self::prepare); then nothing has changed.
    pub fn set(&self, pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<Changes, ConfigError> {
        self.prepare(pairs, caller).map(Prepared::commit)
    }

    /// CONFIG REWRITE: the new content of the file whose content is `existing` (empty if it is gone).
    /// `users` are the lines of all users, beginning with `user `.
    ///
    /// The caller writes it to a temporary file beside the old one, syncs it, renames it over the old one
    /// and syncs the directory. Where renaming fails with EBUSY (a file mounted into a container) it
    /// writes in place. Without [`file`](Self::file) the answer is [`ConfigError::NoFile`].
    pub fn rewrite(&self, existing: &[u8], users: &[Vec<u8>], scope: Scope) -> Vec<u8> {
        let values = Arc::clone(&self.current.read().values);
        rewrite::rewrite(existing, &values, &self.loaded.cwd, users, scope)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// Finds the directives of all pairs; the first that isn't there or isn't allowed is the error.
fn admit(pairs: &[(&[u8], &[u8])], caller: Caller, protected: Allowed) -> Result<Vec<Found>, ConfigError> {
    let mut found: Vec<Found> = Vec::with_capacity(pairs.len());
    for (name, _) in pairs {
        let written = || String::from_utf8_lossy(name).into_owned();
        let entry = table::find(name).ok_or_else(|| ConfigError::Unknown(written()))?;
        let flags = entry.row.directive().flags;
        if let Caller::Client { local, loading } = caller {
            if flags.immutable {
                return Err(ConfigError::Immutable(written()));
            }
            if flags.protected && !protected.to(local) {
                return Err(ConfigError::Protected(written()));
            }
            if flags.deny_loading && loading {
                return Err(ConfigError::Loading);
            }
        }
        if found.contains(&entry) {
            return Err(ConfigError::Duplicate(written()));
        }
        found.push(entry);
    }
    Ok(found)
}

/// Changes that are valid and not yet made. Dropping it leaves everything as it was.
#[must_use = "changes are made by commit"]
pub struct Prepared<'a> {
    config: &'a Config,
    next: Current,
    changes: Changes,
    _writer: MutexGuard<'a, ()>,
}

impl Prepared<'_> {
    /// The settings as they will be.
    pub fn settings(&self) -> &Settings {
        &self.next.settings
    }

    /// What will change.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Makes the changes visible.
    pub fn commit(self) -> Changes {
        if !self.changes.is_empty() {
            *self.config.current.write() = self.next;
            self.config.version.fetch_add(1, Ordering::Release);
        }
        self.changes
    }

    /// The error for the client when the server couldn't act on the directive `name`.
    pub fn veto(self, name: &str, why: Veto) -> ConfigError {
        ConfigError::Value(name.to_owned(), ValueError::Veto(why))
    }
}

/// Which directives a change concerns.
#[derive(Debug)]
pub struct Changes(Vec<&'static Directive>);

impl Changes {
    /// Whether the directive of this name, not alias, changes.
    pub fn has(&self, name: &str) -> bool {
        debug_assert!(table::find(name.as_bytes()).is_some_and(|found| found.row.directive().name == name));
        self.0.iter().any(|directive| directive.name == name)
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The directives in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &'static Directive> {
        self.0.iter().copied()
    }
}
