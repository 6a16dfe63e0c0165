//! The manifest: which files an append only file consists of, in which order.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      the base: everything up to an instant; at most one
//! file appendonly.aof.1.incr.aof seq 1 type h      history: no longer needed, to be removed
//! file appendonly.aof.2.incr.aof seq 2 type i      increments: what was done since, in ascending order
//! ```
//!
//! It is read strictly: a server that starts on half of its data is worse than one that doesn't start.

use std::fmt;

use crate::base::words;

/// The longest line, in bytes, its end included.
const LONGEST: usize = 1024;
/// The highest number of a file: the next one must have a number too.
const SEQ_MAX: i64 = i64::MAX - 1;

/// See the head of this file.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The base.
    pub base: Option<Part>,
    /// Files that may go.
    pub history: Vec<Part>,
    /// The increments.
    pub increments: Vec<Part>,
    /// The highest number that a base has had.
    base_seq: i64,
    /// The highest number that an increment has had.
    increment_seq: i64,
}

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name within the folder.
    pub name: String,
    /// Its number among those of its kind.
    pub seq: i64,
}

/// What is wrong with a manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// The line and its number, from 1 on; none where the file as a whole is meant.
    pub line: Option<(usize, String)>,
    /// What is wrong, in Redis's words.
    pub reason: &'static str,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// The first line that isn't as it must be.
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        if text.is_empty() {
            return Err(ManifestError { line: None, reason: "Found an empty AOF manifest" });
        }
        let mut manifest = Manifest::default();
        for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if line.starts_with(b"#") {
                continue;
            }
            if !line.ends_with(b"\n") || line.len() > LONGEST {
                return Err(ManifestError {
                    line: None,
                    reason: "The AOF manifest file contains too long line",
                });
            }
            let line = words::trim(line);
            manifest.take(line).map_err(|reason| ManifestError {
                line: Some((number + 1, String::from_utf8_lossy(line).into_owned())),
                reason,
            })?;
        }
        Ok(manifest)
    }

    fn take(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        let words = words::split(line).map_err(|_| INVALID)?;
        // More pairs than known: for versions to come.
        if words.len() < 6 || words.len() % 2 != 0 {
            return Err(INVALID);
        }
        let (mut name, mut seq, mut kind) = (None, 0, None);
        for pair in words.chunks_exact(2) {
            let value = String::from_utf8(pair[1].clone()).map_err(|_| INVALID)?;
            match pair[0].to_ascii_lowercase().as_slice() {
                b"file" if value.contains(['/', '\\']) => {
                    return Err("File can't be a path, just a filename");
                }
                b"file" => name = Some(value).filter(|name| !name.is_empty()),
                b"seq" => seq = value.parse().unwrap_or(0),
                b"type" => kind = value.chars().next(),
                _ => {}
            }
        }
        let (Some(name), Some(kind), 1..=SEQ_MAX) = (name, kind, seq) else { return Err(INVALID) };
        let part = Part { name, seq };
        match kind {
            'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            'b' => {
                self.base_seq = seq;
                self.base = Some(part);
            }
            'h' => self.history.push(part),
            'i' if seq <= self.increment_seq => return Err("Found a non-monotonic sequence number"),
            'i' => {
                self.increment_seq = seq;
                self.increments.push(part);
            }
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    /// Whether it names no file with data.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.increments.is_empty()
    }

    /// The files with data in the order in which they are loaded.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// Names a new base, which is an RDB file or not; the one before becomes history.
    pub fn add_base(&mut self, prefix: &str, rdb: bool) -> String {
        if let Some(old) = self.base.take() {
            self.history.insert(0, old);
        }
        self.base_seq += 1;
        let name = format!("{prefix}.{}.base.{}", self.base_seq, if rdb { "rdb" } else { "aof" });
        self.base = Some(Part { name: name.clone(), seq: self.base_seq });
        name
    }

    /// Takes a file of an old server, which kept everything in one, as the base.
    pub fn adopt(&mut self, name: &str) {
        self.base = Some(Part { name: name.to_owned(), seq: 1 });
        self.base_seq = 1;
    }

    /// Names a new increment.
    pub fn add_increment(&mut self, prefix: &str) -> String {
        self.increment_seq += 1;
        let name = format!("{prefix}.{}.incr.aof", self.increment_seq);
        self.increments.push(Part { name: name.clone(), seq: self.increment_seq });
        name
    }

    /// Makes history of all increments but the last `kept`.
    pub fn retire_increments(&mut self, kept: usize) {
        let retired = self.increments.len().saturating_sub(kept);
        for part in self.increments.drain(..retired).rev() {
            self.history.insert(0, part);
        }
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [(self.base.as_slice(), 'b'), (&self.history, 'h'), (&self.increments, 'i')];
        for (parts, kind) in kinds {
            for Part { name, seq } in parts {
                // Quoted, each byte of a letter beyond ASCII takes four, and lines must not become too long.
                let is_plain =
                    |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte) || !byte.is_ascii();
                if name.bytes().all(is_plain) {
                    writeln!(f, "file {name} seq {seq} type {kind}")?;
                } else {
                    let mut quoted = Vec::new();
                    words::quote_into(&mut quoted, name.as_bytes());
                    writeln!(f, "file {} seq {seq} type {kind}", String::from_utf8_lossy(&quoted))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((number, line)) = &self.line {
            write!(f, "Reading the manifest file, at line {number}: '{line}': ")?;
        }
        f.write_str(self.reason)
    }
}

impl std::error::Error for ManifestError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_it_reads() {
        let mut manifest = Manifest::default();
        assert_eq!(manifest.add_base("a b", true), "a b.1.base.rdb");
        assert_eq!(manifest.add_increment("a b"), "a b.1.incr.aof");
        assert_eq!(manifest.add_increment("x"), "x.2.incr.aof");
        assert_eq!(manifest.add_base("x", false), "x.2.base.aof");
        manifest.retire_increments(1);
        let text = manifest.to_string();
        assert_eq!(
            text,
            "file x.2.base.aof seq 2 type b\nfile \"a b.1.incr.aof\" seq 1 type h\n\
             file \"a b.1.base.rdb\" seq 1 type h\nfile x.2.incr.aof seq 2 type i\n"
        );
        assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest));
    }

    #[test]
    fn the_longest_name_in_another_alphabet_fits() {
        let mut manifest = Manifest::default();
        let name = manifest.add_increment(&"ж".repeat(121));
        assert!(name.len() > 250);
        assert_eq!(Manifest::parse(manifest.to_string().as_bytes()), Ok(manifest));
    }

    #[test]
    fn lines_may_be_comments_and_say_more_than_is_known() {
        let text = b"# who knows\nFILE f seq 3 type i later 7\r\n";
        let manifest = Manifest::parse(text).expect("as later versions may write it");
        assert_eq!(manifest.increments, [Part { name: "f".into(), seq: 3 }]);
        assert!(Manifest::parse(b"#\n").expect("nothing is something").is_empty());
    }

    #[test]
    fn each_mistake_has_its_words() {
        let invalid = "Invalid AOF manifest file format";
        let long = format!("file {} seq 1 type b\n", "x".repeat(1024));
        let cases: [(&str, &str); 13] = [
            ("", "Found an empty AOF manifest"),
            ("\n", invalid),
            ("file a seq 1\n", invalid),
            ("file a seq 1 type b more\n", invalid),
            ("file a seq x type b\n", invalid),
            ("file a seq 9223372036854775807 type b\n", invalid),
            ("file a seq 1 kind b\n", invalid),
            ("file \"a seq 1 type b\n", invalid),
            ("file ../a seq 1 type b\n", "File can't be a path, just a filename"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number"),
            ("file a seq 1 type x\n", "Unknown AOF file type"),
            (&long, "The AOF manifest file contains too long line"),
        ];
        for (text, reason) in cases {
            let error = Manifest::parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.reason, reason, "{text}");
        }
        assert!(Manifest::parse(b"file a seq 1 type b").is_err(), "a cut line");
    }
}
