//! One line of the file as a directive with its arguments and, perhaps, a comment behind.
//!
//! Redis knows comments only at the start of a line: `save 300 10  # every five minutes` stops its start.
//! Teams have such files, so here a word that begins with an unquoted `#` opens a comment where the
//! directive can't take another word of that kind. Every line that Redis takes keeps its meaning:
//!
//! | directive | a comment may begin |
//! |---|---|
//! | most, with one value | after the value: `requirepass #x` is still the password `#x` |
//! | with several values | after the first: none of them can begin with `#` (numbers, names, addresses) |
//! | `rename-command` | after the two names |
//! | `user` | after the name, at a `#` that stands alone: `#<hash>` is a password |

use crate::base::words::{UnbalancedQuotes, Words};

/// A directive's line, taken apart.
pub(super) struct Line<'a> {
    /// The directive as written and its arguments; empty for a blank line.
    pub words: Vec<Vec<u8>>,
    /// From the `#` on.
    pub comment: Option<&'a [u8]>,
}

/// Takes a line apart that is neither empty nor a comment as a whole.
pub(super) fn split_line(line: &[u8]) -> Result<Line<'_>, UnbalancedQuotes> {
    let mut reader = Words::until_nul(line);
    let mut words: Vec<Vec<u8>> = Vec::new();
    loop {
        let rest = reader.rest();
        if rest.starts_with(b"#") && ends_at_comment(&words, rest) {
            return Ok(Line { words, comment: Some(rest) });
        }
        match reader.next_word()? {
            Some(word) => words.push(word),
            None => return Ok(Line { words, comment: None }),
        }
    }
}

/// Whether a `#` behind these words opens a comment.
fn ends_at_comment(words: &[Vec<u8>], rest: &[u8]) -> bool {
    let Some(name) = words.first() else { return false };
    match name.to_ascii_lowercase().as_slice() {
        b"rename-command" => words.len() >= 3,
        b"user" => words.len() >= 2 && rest.get(1).is_none_or(u8::is_ascii_whitespace),
        _ => words.len() >= 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> (Vec<String>, Option<String>) {
        let line = split_line(line.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (line.words.iter().map(|word| text(word)).collect(), line.comment.map(text))
    }

    #[test]
    fn comments_begin_where_no_argument_can() {
        let comment = |text: &str| Some(text.to_owned());
        for (line, words, rest) in [
            ("save 300 10  # don't worry", vec!["save", "300", "10"], comment("# don't worry")),
            ("maxmemory 1gb #x", vec!["maxmemory", "1gb"], comment("#x")),
            ("requirepass #x", vec!["requirepass", "#x"], None),
            ("requirepass \"a # b\" # c", vec!["requirepass", "a # b"], comment("# c")),
            ("rename-command CONFIG #x", vec!["rename-command", "CONFIG", "#x"], None),
            ("rename-command CONFIG \"\" # gone", vec!["rename-command", "CONFIG", ""], comment("# gone")),
            ("user ann #12 # me", vec!["user", "ann", "#12"], comment("# me")),
            ("bind * # all", vec!["bind", "*"], comment("# all")),
            ("port 1#2", vec!["port", "1#2"], None),
        ] {
            let words: Vec<String> = words.into_iter().map(String::from).collect();
            assert_eq!(split(line), (words, rest), "{line}");
        }
        assert!(split_line(b"requirepass it's # x").is_err());
    }
}
