//! Loading: lines of the file, of standard input and of the command line, in this order.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::args::Args;
use super::directive::Kind;
use super::errors::{LineError, LoadError, SourceLine, os_text};
use super::include;
use super::line::split_line;
use super::parse::Context;
use super::store::{Config, Current};
use super::table::{self, Found};
use super::value::Value;
use super::values::Values;
use crate::base::words::{split, trim};

/// Files may include each other this deep.
const INCLUDE_DEPTH: usize = 32;

/// Directives of older servers that do nothing any more.
const OBSOLETE: [&[u8]; 3] =
    [b"list-max-ziplist-entries", b"list-max-ziplist-value", b"lua-replicate-commands"];

/// What a file says beside the values of directives.
pub(super) struct Loaded {
    /// The working directory at the start.
    pub cwd: PathBuf,
    pub file: Option<PathBuf>,
    pub renames: Vec<RenameCommand>,
    pub users: Vec<UserLine>,
    /// A `save` was given: the next one adds to it instead of replacing the default.
    save_given: bool,
}

/// A `rename-command` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameCommand {
    /// The command's name.
    pub old: Vec<u8>,
    /// Its new name; empty to remove it.
    pub new: Vec<u8>,
    /// For a [`LoadError`] if there is no such command or the new name is taken.
    pub at: SourceLine,
}

/// A `user` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    /// The words after `user`: the name and the rules.
    pub words: Vec<Vec<u8>>,
    /// For a [`LoadError`] if a rule is wrong.
    pub at: SourceLine,
}

impl Loaded {
    pub fn new(cwd: &Path) -> Self {
        Loaded { cwd: cwd.to_owned(), file: None, renames: vec![], users: vec![], save_given: false }
    }
}

impl Config {
    /// Loads what the command line asks for. `args` are the arguments after the program's name; `stdin`
    /// is read if one of them is `-`. The log file, if any, is created, so that a wrong path is found
    /// now.
    ///
    /// # Errors
    /// The first file that can't be read or line that can't be taken; or the log file can't be opened.
    pub fn load_args(&mut self, args: &[OsString], stdin: &mut dyn Read) -> Result<(), LoadError> {
        let args = Args::parse(args, &self.loaded.cwd);
        let mut text = Vec::new();
        if let Some(file) = &args.file {
            text = include::read(file.as_os_str().as_bytes(), &self.loaded.cwd)?;
        }
        if args.stdin {
            let broken = |error| LoadError::File("-".into(), os_text(&error));
            stdin.read_to_end(&mut text).map_err(broken)?;
        }
        // An empty line between, as Redis numbers the options' lines.
        text.push(b'\n');
        text.extend(args.options);
        self.loaded.file = args.file;
        self.load_text(&text)
    }

    /// Loads lines as if they stood in the file. May be called before [`load_args`](Self::load_args), to
    /// give an image other defaults.
    ///
    /// # Errors
    /// As for [`load_args`](Self::load_args); then nothing has changed.
    pub fn load_text(&mut self, text: &[u8]) -> Result<(), LoadError> {
        let mut values = Values::clone(&self.current.get_mut().values);
        let mut loader = Loader { values: &mut values, loaded: &mut self.loaded };
        loader.read_text(text, 0)?;
        try_log_file(&values)?;
        *self.current.get_mut() = Current::new(values);
        Ok(())
    }
}

struct Loader<'a> {
    values: &'a mut Values,
    loaded: &'a mut Loaded,
}

impl Loader<'_> {
    fn read_text(&mut self, text: &[u8], depth: usize) -> Result<(), LoadError> {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = trim(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let at = SourceLine { number: index + 1, text: String::from_utf8_lossy(line).into_owned() };
            let Ok(split) = split_line(line) else { return Err(LoadError::Line(at, LineError::Quotes)) };
            match split.words.as_slice() {
                [] => {}
                [name, _] if name.eq_ignore_ascii_case(b"include") && depth == INCLUDE_DEPTH => {
                    return Err(LoadError::Line(at, LineError::IncludeDepth));
                }
                [name, path] if name.eq_ignore_ascii_case(b"include") => {
                    // Relative paths start at `dir`, where Redis has gone when it reads on.
                    let text = include::read(path, self.values.dir())?;
                    self.read_text(&text, depth + 1)?;
                }
                [name, args @ ..] => {
                    self.apply(name, args, &at).map_err(|why| LoadError::Line(at, why))?;
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, name: &[u8], args: &[Vec<u8>], at: &SourceLine) -> Result<(), LineError> {
        if let Some(found) = table::find(name) {
            return self.set(found, args);
        }
        let name = name.to_ascii_lowercase();
        match (name.as_slice(), args) {
            (name, [_]) if OBSOLETE.contains(&name) => Ok(()),
            (b"rename-command", [old, new]) => {
                self.loaded.renames.push(RenameCommand {
                    old: old.clone(),
                    new: new.clone(),
                    at: at.clone(),
                });
                Ok(())
            }
            (b"user", [_, ..]) => {
                self.loaded.users.push(UserLine { words: args.to_vec(), at: at.clone() });
                Ok(())
            }
            (b"loadmodule", [_, ..]) => Err(LineError::Module),
            (b"sentinel", _) => Err(LineError::Sentinel),
            (name, _) if name.contains(&b'.') => Err(LineError::ModuleOption),
            _ => Err(LineError::Directive),
        }
    }

    fn set(&mut self, found: Found, args: &[Vec<u8>]) -> Result<(), LineError> {
        let kind = &found.row.directive().kind;
        let several;
        let args = match args {
            // As in --save "300 10 60 1000".
            [one] if kind.takes_many() && !one.is_empty() => {
                several = split(one).map_err(|_| LineError::Quotes)?;
                several.as_slice()
            }
            [_] => args,
            _ if kind.takes_many() => args,
            _ => return Err(LineError::WordCount),
        };
        let words: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let context = Context { current: self.values.get(found.row), dir: self.values.dir() };
        let mut value = kind.parse(&words, &context).map_err(LineError::Value)?;
        if let Kind::Save(_) = kind {
            value = self.add_save_points(found, value, words == [b""]);
        }
        self.values.set(found.row, value);
        Ok(())
    }

    /// Save points of several lines add up; an empty one forgets those before.
    fn add_save_points(&mut self, found: Found, value: Value, forget: bool) -> Value {
        let keep = std::mem::replace(&mut self.loaded.save_given, true) && !forget;
        match (self.values.get(found.row), value) {
            (Value::Save(before), Value::Save(points)) if keep => {
                Value::Save(before.iter().copied().chain(points).collect())
            }
            (_, value) => value,
        }
    }
}

/// A log file that can't be written is better known now than when something is to be logged.
fn try_log_file(values: &Values) -> Result<(), LoadError> {
    let Some(file) = values.path("logfile") else { return Ok(()) };
    let opened = OpenOptions::new().append(true).create(true).open(values.dir().join(file));
    opened.map(drop).map_err(|error| LoadError::Whole(LineError::LogFile(os_text(&error))))
}
