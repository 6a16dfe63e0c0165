//! The catalog at run time: commands by name, after `rename-command`, each with a number for its counters.

use std::collections::{BTreeMap, HashMap};
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
    subcommands: HashMap<Name, usize, BuildHasherDefault<NameHasher>>,
}

/// All commands; see the head of this file.
pub struct Catalog {
    listed: Vec<Listed>,
    /// By their names in lower case.
    names: BTreeMap<Box<[u8]>, usize>,
    /// The same, for finding them.
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

/// A name in lower case: its first and last bytes, which overlap, and its length. So finding it takes a few
/// instructions, without a loop.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    outer: [u64; 2],
    /// Those next to them, of names that are longer.
    inner: [u64; 2],
    len: usize,
}

impl Name {
    /// None if it is empty or longer than any name.
    #[inline]
    fn of(name: &[u8]) -> Option<Name> {
        let (outer, mut inner, len) = (ends(name)?, [0; 2], name.len());
        if len > 16 {
            inner = name.get(8..len - 8).filter(|_| len <= NAME_MAX).and_then(ends)?.map(lowercase);
        }
        Some(Name { outer: outer.map(lowercase), inner, len })
    }
}

/// The first and the last eight bytes, or less where there are less: enough to tell texts of one length apart if they
/// have sixteen bytes at most.
#[inline]
fn ends(text: &[u8]) -> Option<[u64; 2]> {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return Some([first, last].map(|bytes| u64::from_le_bytes(*bytes)));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return Some([first, last].map(|bytes| u64::from(u32::from_le_bytes(*bytes))));
    }
    let (first, middle, last) = (text.first()?, text.get(text.len() / 2)?, text.last()?);
    Some([u64::from(*first) << 8 | u64::from(*last), u64::from(*middle)])
}

/// Eight bytes in lower case at once.
#[inline]
fn lowercase(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = bytes & (0x7f * ONES);
    // The highest bit of each byte tells whether it is so large.
    let from_a = low + (0x80 - u64::from(b'A')) * ONES;
    let beyond_z = low + (0x7f - u64::from(b'Z')) * ONES;
    let letters = from_a & !beyond_z & !bytes & (0x80 * ONES);
    bytes | letters >> 2
}

impl Hash for Name {
    /// Long names are few: what is inside them needn't be looked at.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.outer[0]);
        state.write_u64(self.outer[1]);
    }
}

/// Hashes names. Only the configuration adds some, so nobody could make them collide.
#[derive(Default)]
struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Commands of Redis that this server lacks: a configuration may well take them away.
pub const MISSING: &[&str] = &["failover", "psync", "replconf", "sync"];

impl Catalog {
    /// Lists all families; `renames` are pairs of old and new name, an empty new name removes.
    ///
    /// # Errors
    /// The line with an old name that is unknown, or a new one that is taken.
    pub fn new(renames: &[RenameCommand]) -> Result<Catalog, LoadError> {
        let mut catalog = Catalog { listed: Vec::new(), names: BTreeMap::new(), by_name: HashMap::default() };
        for command in FAMILIES.iter().copied().flatten() {
            let index = catalog.list(command);
            catalog.names.insert(command.spec.name.as_bytes().into(), index);
        }
        for RenameCommand { old, new, at } in renames {
            let fails = |why| LoadError::Line(at.clone(), why);
            let index = catalog.names.remove(&*old.to_ascii_lowercase());
            if index.is_none() && !MISSING.iter().any(|missing| missing.as_bytes().eq_ignore_ascii_case(old))
            {
                return Err(fails(LineError::NoSuchCommand));
            }
            // Nobody gets at a command under a longer name than there are.
            if new.is_empty() || new.len() > NAME_MAX {
                continue;
            }
            let new = new.to_ascii_lowercase();
            if catalog.names.contains_key(&*new) {
                return Err(fails(LineError::CommandExists));
            }
            if let Some(index) = index {
                catalog.names.insert(new.into(), index);
            }
        }
        let by_name = catalog.names.iter().map(|(name, index)| (known(name), *index));
        catalog.by_name = by_name.collect();
        Ok(catalog)
    }

    fn list(&mut self, command: &'static Command) -> usize {
        let subcommands = command.subcommands.iter().map(|sub| {
            let (_, name) = sub.spec.name.split_once('|').expect("subcommands are named container|name");
            (known(name.as_bytes()), self.list(sub))
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
        let all = self.names.iter().map(|(name, &index)| (&**name, &self.listed[index]));
        all.filter(|(_, listed)| !listed.command.spec.flags.contains(Flags::CROSS_PROTOCOL))
    }

    /// The subcommands of a container.
    pub fn subcommands<'a>(&'a self, container: &'a Listed) -> impl Iterator<Item = &'a Listed> {
        let of = |sub: &'static Command| {
            let (_, name) = sub.spec.name.split_once('|').expect("subcommands are named container|name");
            &self.listed[container.subcommands[&known(name.as_bytes())]]
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
        let sub = Name::of(args[1]).and_then(|name| listed.subcommands.get(&name));
        match sub {
            Some(&sub) => Found::Command(&self.listed[sub]),
            None => Found::UnknownSubcommand(listed),
        }
    }
}

/// A name that is neither empty nor too long.
fn known(name: &[u8]) -> Name {
    Name::of(name).expect("names of commands are short")
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_equal_as_their_texts_are(one in "[A-Ca-c@Z\\[`z{\u{e9}]{0,33}", change: bool, at: usize, byte: u8) {
            let one = one.into_bytes();
            let mut other = one.to_ascii_uppercase();
            if change && !other.is_empty() {
                let at = at % other.len();
                other[at] = byte;
            }
            let same = one.eq_ignore_ascii_case(&other);
            match (Name::of(&one), Name::of(&other)) {
                (Some(one), Some(other)) => prop_assert_eq!(one == other, same),
                (None, None) => prop_assert!(one.is_empty() || one.len() > NAME_MAX),
                _ => prop_assert!(false, "they are of one length"),
            }
        }
    }

    #[test]
    fn what_is_missing_is_not_there() {
        let catalog = Catalog::new(&[]).expect("no renames");
        assert!(catalog.all().iter().all(|listed| !MISSING.contains(&listed.command.spec.name)));
    }

    #[test]
    fn every_command_is_found_in_any_case() {
        let catalog = Catalog::new(&[]).expect("no renames");
        for listed in catalog.all() {
            let name = listed.command.spec.name.to_ascii_uppercase();
            let words: Vec<&[u8]> = name.split('|').map(str::as_bytes).collect();
            assert!(matches!(catalog.find(&words), Found::Command(found) if found.id == listed.id), "{name}");
        }
        assert!(matches!(catalog.find(&[b"get\0"]), Found::Unknown));
        assert!(matches!(catalog.find(&[b"config", b"getx"]), Found::UnknownSubcommand(_)));
    }
}
