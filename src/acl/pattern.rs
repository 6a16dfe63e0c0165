//! Patterns of keys, each with what may be done to the keys.

use crate::base::c_text::is_space;
use crate::base::glob;
use crate::command::keys::KeyFlags;

bitflags::bitflags! {
    /// What is done to a key.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Access: u8 {
        /// Its value is returned, copied or used.
        const READ = 1;
        /// It is changed, added to, or deleted.
        const WRITE = 2;
    }
}

impl Access {
    /// What the flags of a key spec amount to; nothing for commands that only look whether there is a key.
    pub fn of(flags: KeyFlags) -> Access {
        let mut access = Access::empty();
        access.set(Access::READ, flags.contains(KeyFlags::ACCESS));
        let writes = KeyFlags::INSERT.union(KeyFlags::DELETE).union(KeyFlags::UPDATE);
        access.set(Access::WRITE, flags.intersects(writes));
        access
    }
}

/// Keys that match a glob may be used in these ways.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPattern {
    /// The glob.
    pub glob: Box<[u8]>,
    /// What is allowed; never nothing.
    pub access: Access,
}

impl KeyPattern {
    /// Reads `~glob`, `%R~glob`, `%W~glob` or `%RW~glob`; none if it is neither, or has blanks.
    pub fn parse(rule: &[u8]) -> Option<KeyPattern> {
        let (access, glob) = match rule {
            [b'~', glob @ ..] => (Access::all(), glob),
            [b'%', rest @ ..] => {
                let tilde = rest.iter().position(|&byte| byte == b'~')?;
                (letters(&rest[..tilde])?, &rest[tilde + 1..])
            }
            _ => return None,
        };
        (!has_blanks(glob)).then(|| KeyPattern { glob: glob.into(), access })
    }

    /// Whether a key may be used like this.
    pub fn allows(&self, key: &[u8], access: Access) -> bool {
        self.access.contains(access) && glob::matches(&self.glob, key, false)
    }

    /// Appends the rule.
    pub fn describe(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.access {
            Access::READ => b"%R~",
            Access::WRITE => b"%W~",
            _ => b"~",
        });
        out.extend_from_slice(&self.glob);
    }
}

/// Each letter once, one at least.
fn letters(text: &[u8]) -> Option<Access> {
    let mut access = Access::empty();
    for letter in text {
        let new = match letter.to_ascii_uppercase() {
            b'R' => Access::READ,
            b'W' => Access::WRITE,
            _ => return None,
        };
        if access.contains(new) {
            return None;
        }
        access |= new;
    }
    (!access.is_empty()).then_some(access)
}

/// Whether a name or a pattern has what would break a line of rules.
pub fn has_blanks(text: &[u8]) -> bool {
    text.iter().any(|byte| is_space(*byte) || *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_back() {
        for (rule, shown) in [
            ("~a*", Some("~a*")),
            ("%R~a", Some("%R~a")),
            ("%w~a~b", Some("%W~a~b")),
            ("%rW~", Some("~")),
            ("%~a", None),
            ("%RR~a", None),
            ("%RX~a", None),
            ("%R", None),
            ("%", None),
            ("~a b", None),
            ("~a\x0bb", None),
            ("a", None),
        ] {
            let described = KeyPattern::parse(rule.as_bytes()).map(|pattern| {
                let mut text = Vec::new();
                pattern.describe(&mut text);
                String::from_utf8(text).unwrap()
            });
            assert_eq!(described.as_deref(), shown, "{rule}");
        }
    }
}
