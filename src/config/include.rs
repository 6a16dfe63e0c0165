//! Reading configuration files, one or all that a pattern names.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::glob;

use super::errors::{LoadError, os_text};

/// The content of a file, or of all files of a pattern one after the other in the order of their names.
/// A pattern that names none is an empty file, so that a directory of fragments may be empty.
pub(super) fn read(path: &[u8], base: &Path) -> Result<Vec<u8>, LoadError> {
    let given = Path::new(OsStr::from_bytes(path));
    let read = |path: &Path, shown: &Path| {
        fs::read(path).map_err(|error| LoadError::File(shown.to_owned(), os_text(&error)))
    };
    if !is_pattern(path) {
        return read(&base.join(given), given);
    }
    let mut text = Vec::new();
    for file in expand(path, base).iter().filter(|file| !file.is_dir()) {
        text.extend(read(file, file)?);
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    Ok(text)
}

fn is_pattern(path: &[u8]) -> bool {
    path.iter().any(|byte| b"*?[".contains(byte))
}

/// The existing paths that match, name by name. A wildcard doesn't match a leading dot.
fn expand(pattern: &[u8], base: &Path) -> Vec<PathBuf> {
    let root = if pattern.starts_with(b"/") { Path::new("/") } else { base };
    let mut paths = vec![root.to_owned()];
    for part in pattern.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
        if is_pattern(part) {
            paths = paths.iter().flat_map(|dir| matching(dir, part)).collect();
        } else {
            paths.iter_mut().for_each(|path| path.push(OsStr::from_bytes(part)));
        }
    }
    paths.retain(|path| path.exists());
    paths
}

fn matching(dir: &Path, part: &[u8]) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.retain(|name| {
        let name = name.as_bytes();
        name.starts_with(b".") == part.starts_with(b".") && glob::matches(part, name, false)
    });
    names.sort();
    names.iter().map(|name| dir.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_all_their_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("b.conf", "two"), ("a.conf", "one\n"), (".c.conf", "no"), ("d.txt", "no")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        fs::create_dir(dir.path().join("e.conf")).unwrap();
        assert_eq!(read(b"*.conf", dir.path()).unwrap(), b"one\ntwo\n");
        assert_eq!(read(b"?.nothing", dir.path()).unwrap(), b"");
        let absolute = dir.path().parent().unwrap().join("*").join("a.conf");
        assert!(!expand(absolute.as_os_str().as_bytes(), Path::new("/")).is_empty());
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let error = read(b"none.conf", Path::new("/")).unwrap_err().to_string();
        assert_eq!(error, "Fatal error, can't open config file 'none.conf': No such file or directory");
        assert!(read(b"", Path::new("/tmp")).unwrap_err().to_string().ends_with("Is a directory"));
    }
}
