//! The patterns of BY and GET: names of other keys, or of fields in them, made from each element.

use crate::base::c_text::until_nul;
use crate::base::num::IntText;
use crate::keyspace::{Access, View};
use crate::types::hash::Hash;

/// `prefix*suffix`, or `prefix*suffix->field`.
#[derive(Debug)]
pub struct Pattern {
    prefix: Box<[u8]>,
    suffix: Box<[u8]>,
    field: Option<Box<[u8]>>,
}

impl Pattern {
    /// Reads a pattern; none if it has no asterisk, so that it names nothing.
    pub fn parse(text: &[u8]) -> Option<Pattern> {
        let star = memchr::memchr(b'*', until_nul(text))?;
        let (prefix, rest) = (&text[..star], &text[star + 1..]);
        let arrow = memchr::memmem::find(until_nul(rest), b"->");
        // An arrow to nothing belongs to the name of the key.
        let arrow = arrow.filter(|arrow| rest.get(arrow + 2).is_some_and(|&byte| byte != 0));
        let (suffix, field) = match arrow {
            Some(arrow) => (&rest[..arrow], Some(rest[arrow + 2..].into())),
            None => (rest, None),
        };
        Some(Pattern { prefix: prefix.into(), suffix: suffix.into(), field })
    }

    /// What the pattern names for an element: a string or the field of a hash; none if it isn't there or is something
    /// else. The view must hold everything.
    pub fn find(&self, keys: &mut View<'_>, element: &[u8]) -> Option<Vec<u8>> {
        let key = [&self.prefix, element, &self.suffix].concat();
        let now = keys.now();
        let entry = keys.find(&key, Access::Read)?;
        match &self.field {
            None => entry.string().map(|string| string.bytes(&mut IntText::new()).to_vec()),
            Some(field) => entry.collection::<Hash>()?.get(field, now).value().map(|value| value.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, String, Option<String>)> {
        let text_of = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Pattern::parse(text.as_bytes())
            .map(|p| (text_of(&p.prefix), text_of(&p.suffix), p.field.map(|field| text_of(&field))))
    }

    #[test]
    fn the_first_asterisk_and_the_first_arrow_behind_it_count() {
        let expect = |prefix: &str, suffix: &str, field: Option<&str>| {
            Some((prefix.to_owned(), suffix.to_owned(), field.map(str::to_owned)))
        };
        assert_eq!(parts("w_*"), expect("w_", "", None));
        assert_eq!(parts("*_w_*"), expect("", "_w_*", None));
        assert_eq!(parts("h:*:x->f->g"), expect("h:", ":x", Some("f->g")));
        assert_eq!(parts("a->b*"), expect("a->b", "", None));
        assert_eq!(parts("h*->"), expect("h", "->", None));
        assert_eq!(parts("nothing"), None);
        assert_eq!(parts("a\0*"), None);
    }
}
