//! The files behind TLS settings: which they are, and whether they have changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Tls;

/// How the files look from outside. Two that are equal stand for the same content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint(Vec<(PathBuf, Option<Look>)>);

/// Of one file, links followed. A file that is replaced by another has another inode.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Look {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl Fingerprint {
    /// Looks at all files that the settings name.
    pub fn of(settings: &Tls) -> Fingerprint {
        let named = [
            &settings.server.cert_file,
            &settings.server.key_file,
            &settings.client.cert_file,
            &settings.client.key_file,
            &settings.ca_cert_file,
        ];
        let named = named.into_iter().flatten().cloned();
        let found = settings.ca_cert_dir.iter().flat_map(|folder| certificates_in(folder));
        Fingerprint(named.chain(found).map(|path| (path.clone(), look(&path))).collect())
    }
}

fn look(path: &Path) -> Option<Look> {
    let found = std::fs::metadata(path).ok()?;
    Some(Look {
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

/// The files of a folder of authorities, in order: those with names as OpenSSL's `rehash` gives them, eight
/// hexadecimal digits and a number. Other files there aren't trusted.
pub fn certificates_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_hashed(path)).collect();
    found.sort();
    found
}

fn is_hashed(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.split_once('.')).is_some_and(|(hash, number)| {
        hash.len() == 8
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_hashes_are_certificates() {
        for (name, expected) in [
            ("/x/0a1b2c3d.0", true),
            ("/x/0a1b2c3d.12", true),
            ("/x/0a1b2c3d.r0", false),
            ("/x/0a1b2c3d.", false),
            ("/x/ca.crt", false),
            ("/x/0a1b2c3dd.0", false),
        ] {
            assert_eq!(is_hashed(Path::new(name)), expected, "{name}");
        }
    }
}
