//! The catalog at run time: commands by name, after `rename-command`, each with a number for its counters.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::Command;
use super::FAMILIES;
use crate::command::keys::KeyFlags;
use crate::command::spec::Flags;
use crate::command::{Begin, Find};
use crate::config::{LineError, LoadError, RenameCommand};

/// A command as it is listed.
pub struct Listed {
    /// The row and the handler.
    pub command: &'static Command,
    /// A number below [`Catalog::len`], for counters.
    pub id: usize,
    /// The one key argument, if the command has exactly one, at a fixed place: the common, fast case.
    pub single_key: Option<usize>,
    /// Whether the name alone finds it: it neither has subcommands nor is one.
    pub is_plain: bool,
    subcommands: HashMap<&'static str, usize>,
}

/// All commands; see the head of this file.
pub struct Catalog {
    listed: Vec<Listed>,
    by_name: HashMap<Name, usize, BuildHasherDefault<NameHasher>>,
}

/// What looking up a request gave.
#[derive(Clone, Copy)]
pub enum Found<'a> {
    /// A command, or a subcommand of one.
    Command(&'a Listed),
    /// No command of that name.
    Unknown,
    /// A container that has no such subcommand.
    UnknownSubcommand(&'a Listed),
}

/// The longest name, in bytes.
const NAME_MAX: usize = 31;

/// The name of a command in lower case, padded with zeros, and its length: as large as every other, so that finding it
/// takes a few instructions, without a loop.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u8; NAME_MAX + 1]);

impl Name {
    /// None if it is longer than any name.
    #[inline]
    fn of(name: &[u8]) -> Option<Name> {
        let mut padded = [0; NAME_MAX + 1];
        padded.get_mut(..name.len()).filter(|_| name.len() <= NAME_MAX)?.copy_from_slice(name);
        padded.make_ascii_lowercase();
        padded[NAME_MAX] = name.len() as u8;
        Some(Name(padded))
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0[..usize::from(self.0[NAME_MAX])]
    }
}

impl Hash for Name {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// Hashes names. Only the configuration adds some, so nobody could make them collide.
#[derive(Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.as_chunks::<8>().0 {
            self.0 = (self.0.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Commands of Redis that this server lacks: a configuration may well take them away.
pub const MISSING: &[&str] = &["bgrewriteaof", "failover", "psync", "replconf", "sync"];

impl Catalog {
    /// Lists all families; `renames` are pairs of old and new name, an empty new name removes.
    ///
    /// # Errors
    /// The line with an old name that is unknown, or a new one that is taken.
    pub fn new(renames: &[RenameCommand]) -> Result<Catalog, LoadError> {
        let mut catalog = Catalog { listed: Vec::new(), by_name: HashMap::default() };
        for command in FAMILIES.iter().copied().flatten() {
            let index = catalog.list(command);
            let name = Name::of(command.spec.name.as_bytes()).expect("names are short");
            catalog.by_name.insert(name, index);
        }
        for RenameCommand { old, new, at } in renames {
            let fails = |why| LoadError::Line(at.clone(), why);
            let index = Name::of(old).and_then(|name| catalog.by_name.remove(&name));
            if index.is_none() && !MISSING.iter().any(|missing| missing.as_bytes().eq_ignore_ascii_case(old))
            {
                return Err(fails(LineError::NoSuchCommand));
            }
            // Nobody gets at a command under a longer name than there are.
            let Some(new) = Name::of(new).filter(|_| !new.is_empty()) else { continue };
            if catalog.by_name.contains_key(&new) {
                return Err(fails(LineError::CommandExists));
            }
            if let Some(index) = index {
                catalog.by_name.insert(new, index);
            }
        }
        Ok(catalog)
    }

    fn list(&mut self, command: &'static Command) -> usize {
        let subcommands = command.subcommands.iter().map(|sub| {
            let (_, name) = sub.spec.name.split_once('|').expect("subcommands are named container|name");
            (name, self.list(sub))
        });
        let subcommands = subcommands.collect();
        let id = self.listed.len();
        let is_plain = command.subcommands.is_empty() && !command.spec.name.contains('|');
        self.listed.push(Listed { command, id, single_key: single_key(command), is_plain, subcommands });
        id
    }

    /// How many commands and subcommands there are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether there is no command.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// A command by its number.
    pub fn get(&self, id: usize) -> Option<&Listed> {
        self.listed.get(id)
    }

    /// All commands and subcommands, by number.
    pub fn all(&self) -> &[Listed] {
        &self.listed
    }

    /// The commands that clients can name now, with those names; subcommands not among them, nor what is no
    /// command of Redis.
    pub fn named(&self) -> impl Iterator<Item = (&[u8], &Listed)> {
        let all = self.by_name.iter().map(|(name, &index)| (name.as_bytes(), &self.listed[index]));
        all.filter(|(_, listed)| !listed.command.spec.flags.contains(Flags::CROSS_PROTOCOL))
    }

    /// The subcommands of a container.
    pub fn subcommands<'a>(&'a self, container: &'a Listed) -> impl Iterator<Item = &'a Listed> {
        let of = |sub: &'static Command| {
            let (_, name) = sub.spec.name.split_once('|').expect("subcommands are named container|name");
            &self.listed[container.subcommands[name]]
        };
        container.command.subcommands.iter().map(of)
    }

    /// Finds a command by its full name: `get`, or `config|get` for a subcommand.
    pub fn find_full_name(&self, name: &[u8]) -> Option<&Listed> {
        let words: Vec<&[u8]> = name.split(|&byte| byte == b'|').collect();
        let found = match words.len() {
            1 | 2 => self.find(&words),
            _ => Found::Unknown,
        };
        match found {
            // A second word without a meaning is not overlooked, as `find` does for arguments.
            Found::Command(listed) if words.len() == 1 || listed.command.spec.name.contains('|') => {
                Some(listed)
            }
            _ => None,
        }
    }

    /// Finds what a request asks for by its first one or two arguments.
    #[inline]
    pub fn find(&self, args: &[&[u8]]) -> Found<'_> {
        let Some(&index) = Name::of(args[0]).and_then(|name| self.by_name.get(&name)) else {
            return Found::Unknown;
        };
        let listed = &self.listed[index];
        if listed.subcommands.is_empty() || args.len() < 2 {
            return Found::Command(listed);
        }
        let sub = Name::of(args[1]);
        let sub = sub.as_ref().and_then(|name| std::str::from_utf8(name.as_bytes()).ok());
        match sub.and_then(|name| listed.subcommands.get(name)) {
            Some(&sub) => Found::Command(&self.listed[sub]),
            None => Found::UnknownSubcommand(listed),
        }
    }
}

fn single_key(command: &Command) -> Option<usize> {
    if command.find_keys.is_some() {
        return None;
    }
    match command.spec.keys {
        [spec] if !spec.flags.contains(KeyFlags::NOT_KEY) => match (spec.begin, spec.find) {
            (Begin::Index(at), Find::Range { last: 0, .. }) => Some(at),
            _ => None,
        },
        _ => None,
    }
}
