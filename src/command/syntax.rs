//! The arguments of a command as one line of text in its row, and as the tree that COMMAND DOCS shows.
//!
//! ```text
//! key value [condition:<NX|XX>@2.6.12] [expiration:<EX seconds:integer|KEEPTTL@6.0.0>] [member*]
//!
//! name            a string; called `key`: a key
//! name:integer    of a type: key, integer, double, pattern, unix-time, string
//! name:key#1      what key spec 1 of the row finds (a key's is 0 where nothing is said)
//! name/text       shown to users as `text`
//! NAME            a word that stands for itself; name=WORD where the word isn't the name, name='' for an empty one
//! WORD name       an argument after a word
//! name:<a|b>      one of several
//! name:(a b)      several, one after the other
//! a*  a**         once or more; with its word each time
//! [a]             may be left out
//! a@6.2.0  a@!2.8 there since a version; not to be used since one
//! ```
//!
//! The names, types and versions are those of Redis 7.4, since clients make documentation and hints of them.

use std::borrow::Cow;

/// What an argument is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind<'a> {
    /// A value of the type that is named.
    Value(&'a str),
    /// A word that stands for itself.
    Word,
    /// One of several.
    OneOf(Vec<Argument<'a>>),
    /// Several, one after the other.
    Block(Vec<Argument<'a>>),
}

/// One argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument<'a> {
    /// Its name, in lower case.
    pub name: Cow<'a, str>,
    /// What it is.
    pub kind: Kind<'a>,
    /// What users are shown in its place.
    pub display: Cow<'a, str>,
    /// Which key spec finds it.
    pub key_spec: Option<u8>,
    /// The word that stands before it, or that it is.
    pub token: Option<&'a str>,
    /// The version that brought it, if that is younger than the command.
    pub since: Option<&'a str>,
    /// Since when it isn't to be used.
    pub deprecated_since: Option<&'a str>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be there more than once.
    pub multiple: bool,
    /// Whether its word stands before each of several.
    pub repeats_token: bool,
}

impl Argument<'_> {
    /// The name of its type, as COMMAND DOCS tells it.
    pub fn type_name(&self) -> &str {
        match &self.kind {
            Kind::Value(name) => name,
            Kind::Word => "pure-token",
            Kind::OneOf(_) => "oneof",
            Kind::Block(_) => "block",
        }
    }

    /// What it is made of.
    pub fn parts(&self) -> &[Argument<'_>] {
        match &self.kind {
            Kind::OneOf(parts) | Kind::Block(parts) => parts,
            Kind::Value(_) | Kind::Word => &[],
        }
    }
}

/// Reads the arguments from the text of a row.
///
/// # Errors
/// The rest of the text from where it can't be understood.
pub fn parse(text: &str) -> Result<Vec<Argument<'_>>, &str> {
    let mut reader = Reader { rest: text };
    let arguments = reader.sequence(' ')?;
    if reader.rest.is_empty() { Ok(arguments) } else { Err(reader.rest) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Arguments with a separator between each two; none at the end of the text.
    fn sequence(&mut self, separator: char) -> Result<Vec<Argument<'a>>, &'a str> {
        let mut arguments = Vec::new();
        while !self.rest.is_empty() {
            arguments.push(self.argument()?);
            if !self.take(separator) {
                break;
            }
        }
        Ok(arguments)
    }

    fn argument(&mut self) -> Result<Argument<'a>, &'a str> {
        let optional = self.take('[');
        let mut argument = self.named()?;
        argument.multiple = self.take('*');
        argument.repeats_token = self.take('*');
        while self.take('@') {
            let field = if self.take('!') { &mut argument.deprecated_since } else { &mut argument.since };
            *field = Some(self.until(|c| !c.is_ascii_digit() && c != '.'));
        }
        argument.optional = optional;
        if optional {
            self.expect(']')?;
        }
        Ok(argument)
    }

    /// A word, or an argument with or without a word before it.
    fn named(&mut self) -> Result<Argument<'a>, &'a str> {
        let first = self.word()?;
        if self.take('=') {
            let token = self.token();
            return Ok(Argument { token: Some(token), ..bare(first.into(), Kind::Word) });
        }
        let is_token = first == "''" || first.contains(|c: char| c.is_ascii_uppercase());
        if !is_token {
            return self.typed(first);
        }
        let token = Some(if first == "''" { "" } else { first });
        if !self.rest.starts_with(' ') || self.rest[1..].starts_with('[') {
            return Ok(Argument { token, ..bare(first.to_ascii_lowercase().into(), Kind::Word) });
        }
        // A word within a sequence may also stand for itself before an argument of its own.
        let before = self.rest;
        self.rest = &self.rest[1..];
        let second = self.word()?;
        if second == "''" || second.contains(|c: char| c.is_ascii_uppercase()) || self.rest.starts_with('=') {
            self.rest = before;
            return Ok(Argument { token, ..bare(first.to_ascii_lowercase().into(), Kind::Word) });
        }
        Ok(Argument { token, ..self.typed(second)? })
    }

    /// What follows a name.
    fn typed(&mut self, name: &'a str) -> Result<Argument<'a>, &'a str> {
        let mut argument = bare(name.into(), Kind::Value(if name == "key" { "key" } else { "string" }));
        if self.take(':') {
            argument.kind = if self.take('<') {
                let parts = self.sequence('|')?;
                self.expect('>')?;
                Kind::OneOf(parts)
            } else if self.take('(') {
                let parts = self.sequence(' ')?;
                self.expect(')')?;
                Kind::Block(parts)
            } else {
                Kind::Value(self.word()?)
            };
        }
        if argument.kind == Kind::Value("key") {
            argument.key_spec = Some(0);
        }
        if self.take('#') {
            let number = self.until(|c| !c.is_ascii_digit());
            argument.key_spec = Some(number.parse().map_err(|_| self.rest)?);
        }
        if self.take('/') {
            argument.display = self.until(|c| " |)]>*@".contains(c)).into();
        }
        Ok(argument)
    }

    /// A name or a word: what runs up to a sign with a meaning.
    fn word(&mut self) -> Result<&'a str, &'a str> {
        let word = self.until(|c| " :=#/|<>()[]*@".contains(c));
        if word.is_empty() { Err(self.rest) } else { Ok(word) }
    }

    /// A word that may be a sign.
    fn token(&mut self) -> &'a str {
        if let Some(rest) = self.rest.strip_prefix("''") {
            self.rest = rest;
            return "";
        }
        let first = self.rest.chars().next().map_or(0, char::len_utf8);
        let end = self.rest[first..].find(|c| " |>)]*@".contains(c)).map_or(self.rest.len(), |at| first + at);
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let (found, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        found
    }

    fn take(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, sign: char) -> Result<(), &'a str> {
        if self.take(sign) { Ok(()) } else { Err(self.rest) }
    }
}

fn bare<'a>(name: Cow<'a, str>, kind: Kind<'a>) -> Argument<'a> {
    Argument {
        display: name.clone(),
        name,
        kind,
        key_spec: None,
        token: None,
        since: None,
        deprecated_since: None,
        optional: false,
        multiple: false,
        repeats_token: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Argument<'_> {
        let mut arguments = parse(text).expect("it is understood");
        assert_eq!(arguments.len(), 1, "{arguments:?}");
        arguments.remove(0)
    }

    #[test]
    fn names_types_and_words() {
        let key = one("key");
        assert_eq!((key.type_name(), key.key_spec, &*key.display), ("key", Some(0), "key"));
        let other = one("storekey:key#2/key");
        assert_eq!((&*other.name, &*other.display, other.key_spec), ("storekey", "key", Some(2)));
        let seconds = one("EX seconds:integer@2.6.12");
        assert_eq!(
            (seconds.token, seconds.since, seconds.type_name()),
            (Some("EX"), Some("2.6.12"), "integer")
        );
        let word = one("[KEEPTTL@6.0.0]");
        assert_eq!((&*word.name, word.type_name(), word.optional), ("keepttl", "pure-token", true));
        assert_eq!(one("auto-id=*").token, Some("*"));
        assert_eq!(one("empty-string=''").token, Some(""));
        let patterns = one("[GET get-pattern:pattern#1/pattern**]");
        assert!(patterns.multiple && patterns.repeats_token && patterns.optional);
        assert_eq!(one("ip:port/a@!2.8.12").deprecated_since, Some("2.8.12"));
    }

    #[test]
    fn groups_nest() {
        let trim =
            one("[trim:(strategy:<MAXLEN|MINID@6.2.0> [operator:<equal==|approximately=~>] threshold)]");
        let [strategy, operator, threshold] = trim.parts() else { panic!("three parts: {trim:?}") };
        assert_eq!(strategy.parts()[1].since, Some("6.2.0"));
        assert_eq!(
            operator.parts().iter().map(|part| part.token).collect::<Vec<_>>(),
            [Some("="), Some("~")]
        );
        assert_eq!((&*threshold.name, trim.type_name()), ("threshold", "block"));
        let words: Vec<_> = parse("REV [LIMIT limit:(offset count)] WITHSCORES").expect("words");
        assert_eq!(words.iter().map(|word| &*word.name).collect::<Vec<_>>(), ["rev", "limit", "withscores"]);
    }

    #[test]
    fn what_is_no_syntax_is_told() {
        for (text, rest) in
            [("a:<b|c", ""), ("[a", ""), ("a b)", ")"), ("a:", ""), ("a  b", " b"), ("a#x", "x")]
        {
            assert_eq!(parse(text).expect_err(text), rest, "{text}");
        }
    }
}
