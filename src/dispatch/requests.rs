//! The requests of a batch that are left to run: looked up before, laid out one by one.

use smallvec::SmallVec;

use super::execute::Request;
use crate::command::spec::Flags;
use crate::commands::{Elements, Found, Listed, Server};
use crate::keyspace::Keyspace;
use crate::resp::Batch;

/// The command that a connection has sent last: often it is the next one, too.
#[derive(Default)]
pub struct Recent {
    /// Its name as it was sent, and how long that is.
    name: [u8; RECENT_MAX],
    len: u8,
    id: Option<u32>,
    /// Whether its row asks for the closed gate.
    exclusive: bool,
}

/// Names up to this length are remembered.
const RECENT_MAX: usize = 16;

impl Recent {
    /// Finds the command of a request, and remembers it.
    #[inline]
    pub fn find<'s>(&mut self, server: &'s Server, args: &[&[u8]]) -> Found<'s> {
        if let Some(id) = self.id.filter(|_| self.is(args[0])) {
            return Found::Command(&server.catalog.all()[id as usize]);
        }
        let found = server.catalog.find(args);
        if let Found::Command(listed) = found
            && listed.is_plain
        {
            self.remember(args[0], listed);
        }
        found
    }

    /// Whether this is the name of that command, which asks for the closed gate.
    #[inline]
    pub fn is_exclusive(&self, name: &[u8]) -> bool {
        self.exclusive && self.is(name)
    }

    #[inline]
    fn is(&self, name: &[u8]) -> bool {
        let len = usize::from(self.len);
        len == name.len() && self.name[..len] == *name
    }

    fn remember(&mut self, name: &[u8], listed: &Listed) {
        if name.len() <= RECENT_MAX {
            self.name[..name.len()].copy_from_slice(name);
            (self.len, self.id) = (name.len() as u8, Some(listed.id as u32));
            self.exclusive = listed.command.spec.flags.contains(Flags::EXCLUSIVE);
        }
    }
}

/// Room for the arguments of one request after the other.
#[derive(Default)]
pub struct Arguments<'a> {
    few: [&'a [u8]; FEW],
    many: Vec<&'a [u8]>,
}

/// As many arguments as most requests have at the most.
const FEW: usize = 8;

impl<'a> Arguments<'a> {
    /// The arguments of a request; those of the one before are forgotten.
    #[inline(always)]
    pub fn of(&mut self, batch: &'a Batch, index: usize, input: &'a [u8]) -> &[&'a [u8]] {
        let (source, ranges) = (batch.source(index, input), batch.args(index));
        if let Some(few) = self.few.get_mut(..ranges.len()) {
            few.iter_mut().zip(ranges).for_each(|(to, range)| *to = range.of(source));
            return few;
        }
        self.many.clear();
        self.many.extend(ranges.iter().map(|range| range.of(source)));
        &self.many
    }
}

/// What is known of one request before it runs.
#[derive(Clone, Copy)]
struct Known<'a> {
    found: Found<'a>,
    /// The hash of its only key.
    hash: Option<u64>,
}

/// As many requests, and as many elements, are looked up or prefetched at once: more would push each other out of the
/// nearest cache.
const AT_ONCE: usize = 32;

/// Elements that requests will look for.
pub type ElementsAhead<'a> = SmallVec<[&'a [u8]; AT_ONCE]>;

/// Some requests of a batch. It is some KB large, so it is filled where it lies and never moved.
pub struct Requests<'a> {
    batch: &'a Batch,
    input: &'a [u8],
    /// The index of the first one that is known.
    first: usize,
    known: SmallVec<[Known<'a>; AT_ONCE]>,
    arguments: Arguments<'a>,
}

impl<'a> Requests<'a> {
    /// The requests of a batch that was parsed from `input`; none is looked up yet.
    #[inline]
    pub fn new(batch: &'a Batch, input: &'a [u8]) -> Self {
        Requests { batch, input, first: 0, known: SmallVec::new(), arguments: Arguments::default() }
    }

    /// Looks up those from an index on that come next, and gives the hashes of the keys of those with one key.
    #[inline]
    pub fn look_up(
        &mut self,
        first: usize,
        server: &'a Server,
        recent: &mut Recent,
    ) -> impl Iterator<Item = u64> + Clone {
        let (batch, input) = (self.batch, self.input);
        self.first = first;
        self.known.clear();
        // Pipelines are often made of one command.
        let mut last: Option<(&[u8], &Listed)> = None;
        for index in first..batch.len().min(first + AT_ONCE) {
            let (source, ranges) = (batch.source(index, input), batch.args(index));
            let name = ranges[0].of(source);
            let found = match last {
                Some((same, listed)) if same == name => Found::Command(listed),
                _ => recent.find(server, Arguments::default().of(batch, index, input)),
            };
            let mut hash = None;
            if let Found::Command(listed) = found {
                let key = listed.single_key.and_then(|at| ranges.get(at));
                hash = key.map(|key| Keyspace::hash(key.of(source)));
                last = listed.is_plain.then_some((name, listed));
            }
            self.known.push(Known { found, hash });
        }
        self.known.iter().filter_map(|known| known.hash)
    }

    /// A request that was looked up, by its index in the batch; none behind the last.
    #[inline]
    pub fn get(&mut self, index: usize) -> Option<Request<'_>> {
        let &Known { found, hash } = self.known.get(index - self.first)?;
        Some(Request { args: self.arguments.of(self.batch, index, self.input), found, hash })
    }

    /// The same, if it is one of a command about a single key: its arguments and the hash of the key.
    #[inline]
    pub fn get_if(&mut self, index: usize, wanted: &Listed) -> Option<(&[&'a [u8]], u64)> {
        match self.known.get(index - self.first) {
            Some(&Known { found: Found::Command(listed), hash: Some(hash) })
                if std::ptr::eq(listed, wanted) =>
            {
                Some((self.arguments.of(self.batch, index, self.input), hash))
            }
            _ => None,
        }
    }

    /// The first elements that the requests from an index on look for, as long as they are of this command and about
    /// one key; with that and its hash.
    pub fn elements(&self, first: usize, wanted: &Listed) -> Option<(&'a [u8], u64, ElementsAhead<'a>)> {
        let (batch, input) = (self.batch, self.input);
        let Elements { first: at, step } = wanted.command.elements?;
        let known = self.known.get(first - self.first..)?;
        let hash = known.first()?.hash?;
        let key = batch.args(first).get(wanted.single_key?)?.of(batch.source(first, input));
        let mut elements = ElementsAhead::new();
        for (index, known) in (first..).zip(known) {
            let is_wanted = matches!(known.found, Found::Command(listed) if std::ptr::eq(listed, wanted));
            if !is_wanted || known.hash != Some(hash) {
                break;
            }
            let (source, args) = (batch.source(index, input), batch.args(index));
            for range in args.get(at..).unwrap_or_default().iter().step_by(step) {
                if elements.len() == AT_ONCE {
                    return Some((key, hash, elements));
                }
                elements.push(range.of(source));
            }
        }
        Some((key, hash, elements))
    }
}
