//! The value of every directive, in the order of the table.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::table::{self, Row};
use super::value::{OutputLimit, Value};

/// One value per row of the table. The typed getters are for [`Settings`](super::Settings): they take
/// names from the code, so a wrong one is a mistake that the first start of the server shows.
#[derive(Clone, Debug)]
pub(super) struct Values(Box<[Value]>);

impl Values {
    /// The values of a fresh server whose working directory is `cwd`.
    pub fn new(cwd: &Path) -> Self {
        Values(table::rows().map(|row| row.directive().kind.default(cwd)).collect())
    }

    pub fn get(&self, row: Row) -> &Value {
        &self.0[row.index()]
    }

    pub fn set(&mut self, row: Row, value: Value) {
        self.0[row.index()] = value;
    }

    pub fn yes(&self, name: &str) -> bool {
        match self.named(name) {
            Value::YesNo(yes) => *yes,
            other => wrong_kind(name, other),
        }
    }

    /// A number whose bounds in the table fit into `T`.
    pub fn integer<T: TryFrom<i64>>(&self, name: &str) -> T {
        match self.named(name) {
            Value::Integer(number) => match T::try_from(*number) {
                Ok(number) => number,
                Err(_) => panic!("the bounds of '{name}' don't fit its type"),
            },
            other => wrong_kind(name, other),
        }
    }

    /// Bytes.
    pub fn size(&self, name: &str) -> u64 {
        match self.named(name) {
            Value::Size(bytes) => *bytes,
            other => wrong_kind(name, other),
        }
    }

    /// A size as the length of something in memory.
    pub fn length(&self, name: &str) -> usize {
        usize::try_from(self.size(name)).unwrap_or(usize::MAX)
    }

    pub fn code(&self, name: &str) -> u32 {
        match self.named(name) {
            Value::Code(code) => *code,
            other => wrong_kind(name, other),
        }
    }

    pub fn text(&self, name: &str) -> &[u8] {
        match self.named(name) {
            Value::Text(text) => text,
            other => wrong_kind(name, other),
        }
    }

    /// `None` if empty.
    pub fn bytes(&self, name: &str) -> Option<Box<[u8]>> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(Box::from)
    }

    /// `None` if empty; bytes that aren't UTF-8 are replaced.
    pub fn string(&self, name: &str) -> Option<String> {
        let text = self.text(name);
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// `None` if empty.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(text)))
    }

    pub fn addresses(&self, name: &str) -> Vec<String> {
        match self.named(name) {
            Value::Addresses(addresses) => addresses.clone(),
            other => wrong_kind(name, other),
        }
    }

    pub fn output_limits(&self, name: &str) -> [OutputLimit; 3] {
        match self.named(name) {
            Value::OutputLimits(limits) => *limits,
            other => wrong_kind(name, other),
        }
    }

    /// The score of a primary.
    pub fn primary_oom_score(&self) -> i32 {
        match self.named("oom-score-adj-values") {
            Value::OomScores([primary, ..]) => *primary,
            other => wrong_kind("oom-score-adj-values", other),
        }
    }

    pub fn dir(&self) -> &Path {
        match self.named("dir") {
            Value::Dir(path) => path,
            other => wrong_kind("dir", other),
        }
    }

    pub fn named(&self, name: &str) -> &Value {
        match table::find(name.as_bytes()) {
            Some(found) => self.get(found.row),
            None => panic!("no directive is called '{name}'"),
        }
    }
}

fn wrong_kind(name: &str, value: &Value) -> ! {
    panic!("directive '{name}' has another kind of value: {value:?}")
}
