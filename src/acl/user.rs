//! A user: passwords and selectors, read from rules and shown as rules.

use super::DEFAULT_USER;
use super::error::{RuleError, SetError};
use super::password::Password;
use super::selector::{Rules, Selector};

/// See the head of this file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    name: Box<[u8]>,
    enabled: bool,
    /// Every password is right.
    no_password: bool,
    /// RESTORE checks what it is given. Kept for the rules: here it always does.
    sanitizes: bool,
    passwords: Vec<Password>,
    /// The first is the user's own, the root; the others stand in parentheses.
    selectors: Vec<Selector>,
    /// Whether one selector allows everything: what the hot path asks.
    unrestricted: bool,
}

impl User {
    /// A new user may do nothing and can't log in.
    pub fn new(name: &[u8], rules: Rules<'_>) -> User {
        User {
            name: name.into(),
            enabled: false,
            no_password: false,
            sanitizes: true,
            passwords: Vec::new(),
            selectors: vec![Selector::new(rules)],
            unrestricted: false,
        }
    }

    /// The default user as it is when nothing is configured: it needs no password and may do everything.
    pub fn default_user(rules: Rules<'_>) -> User {
        let mut user = User::new(DEFAULT_USER, rules);
        for rule in ["+@all", "~*", "&*", "on", "nopass"] {
            user.apply(rule.as_bytes(), rules).expect("these are rules");
        }
        user
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether it can log in.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether every password is right.
    pub fn needs_no_password(&self) -> bool {
        self.no_password
    }

    /// Whether it may do everything.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// The root and the other selectors.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// The hashes of its passwords, as hexadecimal text.
    pub fn passwords(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(Password::hex)
    }

    /// Its flags, in the order of ACL LIST.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let on = if self.enabled { "on" } else { "off" };
        let sanitizes = if self.sanitizes { "sanitize-payload" } else { "skip-sanitize-payload" };
        [Some(on), self.no_password.then_some("nopass"), Some(sanitizes)].into_iter().flatten()
    }

    /// Whether somebody with this password is the user. It takes as long for any password.
    pub fn accepts(&self, password: &[u8]) -> bool {
        if !self.enabled {
            return false;
        }
        let given = Password::of(password);
        self.no_password || self.passwords.iter().fold(false, |found, known| found | known.is(&given))
    }

    /// Applies the words of ACL SETUSER or of a line: a selector may be spread over several.
    ///
    /// # Errors
    /// The first word's that is no rule. Those before have been applied.
    pub fn apply_all(&mut self, words: &[impl AsRef<[u8]>], rules: Rules<'_>) -> Result<(), SetError> {
        for rule in merged(words)? {
            self.apply(&rule, rules).map_err(|why| SetError::Rule(rule, why))?;
        }
        Ok(())
    }

    /// Applies a rule.
    ///
    /// # Errors
    /// If it isn't one; then nothing has changed.
    pub fn apply(&mut self, rule: &[u8], rules: Rules<'_>) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => self.enabled = true,
            b"off" => self.enabled = false,
            b"skip-sanitize-payload" => self.sanitizes = false,
            b"sanitize-payload" => self.sanitizes = true,
            b"nopass" => self.set_passwords(true),
            b"resetpass" => self.set_passwords(false),
            [b'>', ..] => self.add_password(Password::of(&rule[1..])),
            [b'#', ..] => self.add_password(Password::from_hex(&rule[1..]).ok_or(RuleError::Hash)?),
            [b'<', ..] => self.remove_password(Password::of(&rule[1..]))?,
            [b'!', ..] => self.remove_password(Password::from_hex(&rule[1..]).ok_or(RuleError::Hash)?)?,
            [b'(', .., b')'] => self.selectors.push(Selector::parse(rule, rules)?),
            b"clearselectors" => self.selectors.truncate(1),
            b"reset" => *self = User::new(&self.name, rules),
            _ => self.selectors[0].apply(rule, rules.vocabulary)?,
        }
        self.unrestricted = self.selectors.iter().any(Selector::is_unrestricted);
        Ok(())
    }

    fn set_passwords(&mut self, any: bool) {
        self.passwords.clear();
        self.no_password = any;
    }

    fn add_password(&mut self, password: Password) {
        if !self.passwords.contains(&password) {
            self.passwords.push(password);
        }
        self.no_password = false;
    }

    fn remove_password(&mut self, password: Password) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|known| *known == password);
        self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// Its line: `user name rules`.
    pub fn line(&self) -> Vec<u8> {
        let mut out = [b"user ", self.name(), b" "].concat();
        for flag in self.flags() {
            out.extend_from_slice(flag.as_bytes());
            out.push(b' ');
        }
        for password in self.passwords() {
            out.push(b'#');
            out.extend_from_slice(password.as_bytes());
            out.push(b' ');
        }
        for (index, selector) in self.selectors.iter().enumerate() {
            if index == 0 {
                selector.describe(&mut out);
            } else {
                out.extend_from_slice(b" (");
                selector.describe(&mut out);
                out.push(b')');
            }
        }
        out
    }
}

/// Joins the words of a selector that is spread over several.
fn merged(words: &[impl AsRef<[u8]>]) -> Result<Vec<Vec<u8>>, SetError> {
    let mut rules = Vec::with_capacity(words.len());
    // The selector that is open, and its first word.
    let mut open: Option<(Vec<u8>, &[u8])> = None;
    for word in words.iter().map(AsRef::as_ref) {
        match &mut open {
            Some((selector, _)) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                if word.ends_with(b")") {
                    rules.extend(open.take().map(|(selector, _)| selector));
                }
            }
            None if word.starts_with(b"(") && !word.ends_with(b")") => open = Some((word.to_vec(), word)),
            None => rules.push(word.to_vec()),
        }
    }
    match open {
        Some((_, first)) => Err(SetError::Unmatched(first.to_vec())),
        None => Ok(rules),
    }
}
