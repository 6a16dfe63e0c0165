//! A selector: commands, keys and channels that are allowed together.

use super::error::RuleError;
use super::pattern::{Access, KeyPattern, has_blanks};
use super::vocabulary::Vocabulary;
use crate::base::words;

/// What rules are read against.
#[derive(Clone, Copy)]
pub struct Rules<'v> {
    /// The commands.
    pub vocabulary: &'v Vocabulary,
    /// `acl-pubsub-default`: whether a new selector allows all channels.
    pub all_channels: bool,
}

/// See the head of this file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    /// A bit for each command.
    commands: Commands,
    /// Commands that are allowed with this first argument only.
    first_arguments: Vec<(usize, Box<[u8]>)>,
    /// Whether it began with `+@all`: what a rewritten rule begins with.
    from_all: bool,
    /// The rules about commands since then, without sign, in lower case; the latest last.
    rules: Vec<(bool, Box<[u8]>)>,
    /// The keys; none: all.
    keys: Option<Vec<KeyPattern>>,
    /// Globs of channels; none: all.
    channels: Option<Vec<Box<[u8]>>>,
}

/// A set of commands.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Commands(Box<[u64]>);

impl Commands {
    fn new(count: usize, all: bool) -> Commands {
        let mut words = vec![0; count.div_ceil(64)];
        if all {
            words.fill(u64::MAX);
        }
        Commands(words.into())
    }

    fn contains(&self, id: usize) -> bool {
        self.0[id / 64] >> (id % 64) & 1 != 0
    }

    fn set(&mut self, id: usize, on: bool) {
        let bit = 1 << (id % 64);
        if on {
            self.0[id / 64] |= bit;
        } else {
            self.0[id / 64] &= !bit;
        }
    }

    fn is_full(&self) -> bool {
        self.0.iter().all(|&word| word == u64::MAX)
    }
}

impl Selector {
    /// Allows nothing, but for channels if that is configured.
    pub fn new(rules: Rules<'_>) -> Selector {
        Selector {
            commands: Commands::new(rules.vocabulary.len(), false),
            first_arguments: Vec::new(),
            from_all: false,
            rules: Vec::new(),
            keys: Some(Vec::new()),
            channels: (!rules.all_channels).then(Vec::new),
        }
    }

    /// Reads `(rule rule ...)`, the words quoted as in a configuration file.
    ///
    /// # Errors
    /// The first rule's that isn't one.
    pub fn parse(text: &[u8], rules: Rules<'_>) -> Result<Selector, RuleError> {
        let mut selector = Selector::new(rules);
        let inside = &text[1..text.len() - 1];
        // Unbalanced quotes are an empty selector in Redis.
        for word in words::split(inside).unwrap_or_default() {
            selector.apply(&word, rules.vocabulary)?;
        }
        Ok(selector)
    }

    /// Whether it allows everything.
    pub fn is_unrestricted(&self) -> bool {
        self.commands.is_full() && self.keys.is_none() && self.channels.is_none()
    }

    /// The globs of channels; none: all channels.
    pub fn channels(&self) -> Option<&[Box<[u8]>]> {
        self.channels.as_deref()
    }

    /// Whether a command may be run with this first argument.
    pub fn allows_command(&self, id: usize, first: Option<&[u8]>) -> bool {
        let by_first = |first: &[u8]| {
            self.first_arguments.iter().any(|(of, word)| *of == id && word.eq_ignore_ascii_case(first))
        };
        self.commands.contains(id) || first.is_some_and(by_first)
    }

    /// Whether a key may be used like this.
    pub fn allows_key(&self, key: &[u8], access: Access) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.iter().any(|pattern| pattern.allows(key, access)))
    }

    /// Whether every key may be used like this.
    pub fn allows_every_key(&self, access: Access) -> bool {
        let all = |pattern: &KeyPattern| pattern.access.contains(access) && *pattern.glob == *b"*";
        self.keys.as_ref().is_none_or(|keys| keys.iter().any(all))
    }

    /// Applies a rule.
    ///
    /// # Errors
    /// If it isn't one; then nothing has changed.
    pub fn apply(&mut self, rule: &[u8], vocabulary: &Vocabulary) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => self.keys = None,
            b"resetkeys" => self.keys = Some(Vec::new()),
            b"allchannels" | b"&*" => self.channels = None,
            b"resetchannels" => self.channels = Some(Vec::new()),
            b"allcommands" | b"+@all" => self.begin_with(true, vocabulary),
            b"nocommands" | b"-@all" => self.begin_with(false, vocabulary),
            [b'~' | b'%', ..] => return self.add_keys(rule),
            [b'&', ..] => return self.add_channels(&rule[1..]),
            [b'+', b'@', category @ ..] => return self.set_category(category, true, vocabulary),
            [b'-', b'@', category @ ..] => return self.set_category(category, false, vocabulary),
            [b'+', name @ ..] => return self.allow(name, vocabulary),
            [b'-', name @ ..] => {
                let id = vocabulary.find(name).ok_or(RuleError::Unknown)?;
                self.set_command(id, false, vocabulary);
                self.note(false, name);
            }
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    fn begin_with(&mut self, all: bool, vocabulary: &Vocabulary) {
        self.commands = Commands::new(vocabulary.len(), all);
        self.first_arguments.clear();
        self.from_all = all;
        self.rules.clear();
    }

    fn add_keys(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let Some(keys) = &mut self.keys else { return Err(RuleError::AllKeys) };
        let new = KeyPattern::parse(rule).ok_or(RuleError::Syntax)?;
        match keys.iter_mut().find(|known| known.glob == new.glob) {
            Some(known) => known.access |= new.access,
            None => keys.push(new),
        }
        Ok(())
    }

    fn add_channels(&mut self, glob: &[u8]) -> Result<(), RuleError> {
        let Some(channels) = &mut self.channels else { return Err(RuleError::AllChannels) };
        if has_blanks(glob) {
            return Err(RuleError::Syntax);
        }
        if !channels.iter().any(|known| **known == *glob) {
            channels.push(glob.into());
        }
        Ok(())
    }

    fn set_category(&mut self, name: &[u8], on: bool, vocabulary: &Vocabulary) -> Result<(), RuleError> {
        let category = Vocabulary::category(name).ok_or(RuleError::Unknown)?;
        for id in vocabulary.of_category(category) {
            self.set_command(id, on, vocabulary);
        }
        self.note(on, &[b"@", name].concat());
        Ok(())
    }

    /// `name`, `container|subcommand`, or `command|first-argument`, in lower case.
    fn allow(&mut self, name: &[u8], vocabulary: &Vocabulary) -> Result<(), RuleError> {
        let Some(bar) = name.iter().rposition(|&byte| byte == b'|') else {
            let id = vocabulary.find(name).ok_or(RuleError::Unknown)?;
            self.set_command(id, true, vocabulary);
            self.note(true, name);
            return Ok(());
        };
        let (command, first) = (&name[..bar], &name[bar + 1..]);
        let id = vocabulary.find(command).ok_or(RuleError::Unknown)?;
        if vocabulary.is_subcommand(id) {
            return Err(RuleError::FirstArgumentOfSubcommand);
        }
        if first.is_empty() {
            return Err(RuleError::Syntax);
        }
        if vocabulary.subcommands(id).is_empty() {
            if !self.first_arguments.iter().any(|(of, known)| *of == id && **known == *first) {
                self.first_arguments.push((id, first.into()));
            }
        } else {
            let id = vocabulary.find(name).ok_or(RuleError::Unknown)?;
            self.set_command(id, true, vocabulary);
        }
        self.note(true, name);
        Ok(())
    }

    /// Allows or forbids a command with its subcommands.
    fn set_command(&mut self, id: usize, on: bool, vocabulary: &Vocabulary) {
        self.commands.set(id, on);
        self.first_arguments.retain(|(of, _)| *of != id);
        for &sub in vocabulary.subcommands(id) {
            self.commands.set(sub, on);
        }
    }

    /// Notes a rule about commands; those before about the same, or about a part of it, mean nothing any more.
    fn note(&mut self, on: bool, name: &[u8]) {
        let is_within = |rule: &[u8]| match rule.strip_prefix(name) {
            Some(rest) => rest.first().is_none_or(|&byte| byte == b'|'),
            None => false,
        };
        self.rules.retain(|(_, rule)| !is_within(rule));
        self.rules.push((on, name.into()));
    }

    /// Appends the rules about commands, as ACL GETUSER shows them.
    pub fn describe_commands(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.from_all { b"+@all" } else { b"-@all" });
        for (on, rule) in &self.rules {
            out.extend_from_slice(if *on { b" +" } else { b" -" });
            out.extend_from_slice(rule);
        }
    }

    /// Appends the key patterns, as ACL GETUSER shows them.
    pub fn describe_keys(&self, out: &mut Vec<u8>) {
        match &self.keys {
            None => out.extend_from_slice(b"~*"),
            Some(keys) => join(keys, out, KeyPattern::describe),
        }
    }

    /// Appends the channels, as ACL GETUSER shows them.
    pub fn describe_channels(&self, out: &mut Vec<u8>) {
        match &self.channels {
            None => out.extend_from_slice(b"&*"),
            Some(channels) => join(channels, out, |glob, out| {
                out.push(b'&');
                out.extend_from_slice(glob);
            }),
        }
    }

    /// Appends all its rules, as ACL LIST shows them.
    pub fn describe(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        self.describe_keys(out);
        if out.len() > begin {
            out.push(b' ');
        }
        if let Some(channels) = &self.channels {
            out.extend_from_slice(b"resetchannels");
            if !channels.is_empty() {
                out.push(b' ');
            }
        }
        self.describe_channels(out);
        out.push(b' ');
        self.describe_commands(out);
    }
}

/// Appends items with blanks between them.
fn join<T>(items: &[T], out: &mut Vec<u8>, describe: impl Fn(&T, &mut Vec<u8>)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        describe(item, out);
    }
}
