//! SORT and SORT_RO: the elements of a list, set or sorted set in an order, as a reply or stored as a list.
//!
//! Patterns of BY and GET name other keys for each element, which nobody knows beforehand: a request with such a
//! pattern runs behind the closed gate. Without them a large value is sorted on a reference when its lock has been
//! released, and what is to be stored is stored only if the value is still the same.

mod order;
mod pattern;
mod source;

use std::ops::Range;

use crate::base::num::IntText;
use crate::command::keys::InvalidKeys;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::keyspace::{Expiry, Value, View};
use crate::resp::Reply;
use crate::types::list::{List, ListBuilder, ListLimits};
use crate::types::listpack::Item;

use self::order::{NotNumbers, Order};
use self::pattern::Pattern;
use self::source::Source;
use super::call::Next;
use super::{Call, Command, DONE, Outcome};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        row("sort", &[WRITE, DENYOOM], &[SOURCE, PATTERNS, DESTINATION]).doc(
            GROUP,
            "1.0.0",
            COST,
            "Sorts the elements of a list, a set or a sorted set and may store them.",
        ),
        |call| sort(call, true),
    )
    .find_keys(keys)
    .touches_unnamed(has_patterns),
    Command::new(
        row("sort_ro", &[READONLY], &[SOURCE, PATTERNS]).doc(
            GROUP,
            "7.0.0",
            COST,
            "Sorts the elements of a list, a set or a sorted set.",
        ),
        |call| sort(call, false),
    )
    .touches_unnamed(has_patterns),
];

const GROUP: &str = "generic";
const COST: &str = "O(N+M*log(M)) where N is the number of elements and M the number of those returned";

const SOURCE: KeySpec = KeySpec::at(1, &[RO, ACCESS]);
const PATTERNS: KeySpec = KeySpec::unknown(&[RO, ACCESS]).notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
);
const DESTINATION: KeySpec = KeySpec::unknown(&[OW, UPDATE]).notes(
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
);

/// How many elements are sorted while their value is locked.
const AT_ONCE_MAX: usize = 512;
/// How often a result for STORE is computed without locks before it is computed under them.
const TRIES: u32 = 3;

const fn row(name: &'static str, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, -2).flags(flags).keys(keys).categories(&[
        Categories::SET,
        Categories::SORTEDSET,
        Categories::LIST,
        Categories::DANGEROUS,
    ])
}

/// The words of options with the indices of their first arguments.
fn options<'a>(args: &'a [&'a [u8]]) -> impl Iterator<Item = (&'a [u8], usize)> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let word = *args.get(at)?;
        let is = |name: &&str| word.eq_ignore_ascii_case(name.as_bytes());
        let arguments =
            if is(&"LIMIT") { 2 } else { usize::from(["BY", "GET", "STORE"].iter().any(|name| is(name))) };
        at += 1 + arguments;
        Some((word, at - arguments))
    })
}

/// The key that is sorted and the one that is stored: the last that STORE names.
fn keys(args: &[&[u8]]) -> Result<Vec<usize>, InvalidKeys> {
    let stored = options(args).filter(|(word, _)| word.eq_ignore_ascii_case(b"STORE")).last();
    let stored = stored.map(|(_, at)| at).filter(|&at| at < args.len());
    Ok([1].into_iter().chain(stored).collect())
}

/// Whether BY or GET name other keys.
fn has_patterns(args: &[&[u8]]) -> bool {
    options(args).any(|(word, at)| {
        let takes_one = word.eq_ignore_ascii_case(b"BY") || word.eq_ignore_ascii_case(b"GET");
        takes_one && args.get(at).is_some_and(|pattern| Pattern::parse(pattern).is_some())
    })
}

/// What the elements are sorted by.
enum By {
    Element,
    /// A name without an asterisk: the order stays what it is.
    Nothing,
    Pattern(Pattern),
}

/// What is returned for an element.
enum Get {
    Element,
    /// A name without an asterisk: nothing is found.
    Nothing,
    Pattern(Pattern),
}

/// What is asked.
struct Request {
    by: By,
    gets: Vec<Get>,
    alpha: bool,
    descending: bool,
    /// How many are passed over, and how many returned; all if negative.
    limit: (i64, i64),
    store: Option<Box<[u8]>>,
}

/// Finds what a pattern names for an element.
type Find<'f> = &'f mut dyn FnMut(&Pattern, &[u8]) -> Option<Vec<u8>>;

impl Request {
    fn parse(call: &Call<'_>, may_store: bool) -> Result<Request, Error> {
        let mut request = Request {
            by: By::Element,
            gets: Vec::new(),
            alpha: false,
            descending: false,
            limit: (0, -1),
            store: None,
        };
        let mut args = call.args_from(2);
        while !args.is_empty() {
            if args.word("ASC") {
                request.descending = false;
            } else if args.word("DESC") {
                request.descending = true;
            } else if args.word("ALPHA") {
                request.alpha = true;
            } else if args.len() > 2 && args.word("LIMIT") {
                request.limit = (args.int()?, args.int()?);
            } else if may_store && args.len() > 1 && args.word("STORE") {
                request.store = Some(args.want()?.into());
            } else if args.len() > 1 && args.word("BY") {
                request.by = Pattern::parse(args.want()?).map_or(By::Nothing, By::Pattern);
            } else if args.len() > 1 && args.word("GET") {
                request.gets.push(match args.want()? {
                    b"#" => Get::Element,
                    text => Pattern::parse(text).map_or(Get::Nothing, Get::Pattern),
                });
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(request)
    }

    fn needs_keys(&self) -> bool {
        matches!(self.by, By::Pattern(_)) || self.gets.iter().any(|get| matches!(get, Get::Pattern(_)))
    }

    /// A set has no order that a replica or a script could rely on: what they depend on is sorted.
    fn force_order(&mut self, source: &Source, nested: bool) {
        let depended_on = self.store.is_some() || nested;
        if matches!((&self.by, source), (By::Nothing, Source::Set(_))) && depended_on {
            self.by = By::Element;
            self.alpha = true;
        }
    }

    /// Which of `len` elements are returned.
    fn window(&self, len: usize) -> Range<usize> {
        let (skip, count) = self.limit;
        let at_most = |n: i64| usize::try_from(n).map_or(0, |n| n.min(len));
        let start = at_most(skip);
        let count = if count < 0 { len } else { at_most(count) };
        start..(start + count).min(len)
    }

    /// The elements that are returned, in order.
    fn select<'s>(&self, source: &'s Source, find: Find<'_>) -> Result<Vec<Item<'s>>, NotNumbers> {
        let window = self.window(source.len());
        let order =
            Order { alpha: self.alpha, descending: self.descending, whole_text: self.store.is_some() };
        let mut items = match &self.by {
            By::Nothing => return Ok(source.native(window, self.descending)),
            By::Element => {
                let mut items = source.items();
                order.sort(&mut items)?;
                items
            }
            By::Pattern(pattern) => {
                let mut items = source.items();
                let weights = items.iter().map(|item| find(pattern, item.as_bytes(&mut IntText::new())));
                let weights = weights.collect();
                order.sort_by_weights(&mut items, weights)?;
                items
            }
        };
        items.truncate(window.end);
        items.drain(..window.start);
        Ok(items)
    }

    /// How many values are returned for each element.
    fn values_each(&self) -> usize {
        self.gets.len().max(1)
    }

    /// Shows all values that are returned.
    fn values(&self, items: &[Item<'_>], find: Find<'_>, mut see: impl FnMut(Option<&[u8]>)) {
        let mut text = IntText::new();
        for item in items {
            let element = item.as_bytes(&mut text);
            if self.gets.is_empty() {
                see(Some(element));
            }
            for get in &self.gets {
                match get {
                    Get::Element => see(Some(element)),
                    Get::Nothing => see(None),
                    Get::Pattern(pattern) => see(find(pattern, element).as_deref()),
                }
            }
        }
    }

    fn answer(&self, source: &Source, find: Find<'_>, reply: &mut Reply) -> Result<(), NotNumbers> {
        let items = self.select(source, find)?;
        reply.array(items.len() * self.values_each());
        self.values(&items, find, |value| match value {
            Some(value) => reply.bulk(value),
            None => reply.null(),
        });
        Ok(())
    }

    fn list(&self, source: &Source, limits: ListLimits, find: Find<'_>) -> Result<List, NotNumbers> {
        let items = self.select(source, find)?;
        let mut list = ListBuilder::new(limits);
        self.values(&items, find, |value| list.push(value.unwrap_or_default()));
        Ok(list.finish())
    }
}

impl From<NotNumbers> for Error {
    fn from(_: NotNumbers) -> Error {
        error::SORT_NOT_NUMBERS
    }
}

fn sort(call: &mut Call<'_>, may_store: bool) -> Outcome {
    let mut request = Request::parse(call, may_store)?;
    let source = Source::of(&mut call.keys, call.args[1])?;
    request.force_order(&source, call.nested);
    let put_off = call.may_put_off() && source.len() > AT_ONCE_MAX && !request.needs_keys();
    let limits = super::list::limits(call);
    match (put_off, request.store.is_some()) {
        (true, true) => Ok(compute(request, source, limits, 1)),
        (true, false) => Ok(Next::Later(Box::new(move |reply| {
            if let Err(failure) = request.answer(&source, &mut no_key, reply) {
                reply.error(Error::from(failure).text());
            }
        }))),
        (false, true) => {
            let list = request.list(&source, limits, &mut in_keys(&mut call.keys))?;
            store(call, &request, list)
        }
        (false, false) => {
            request.answer(&source, &mut in_keys(&mut call.keys), call.reply)?;
            DONE
        }
    }
}

fn in_keys<'k>(keys: &'k mut View<'_>) -> impl FnMut(&Pattern, &[u8]) -> Option<Vec<u8>> + 'k {
    |pattern, element| pattern.find(keys, element)
}

/// For requests without patterns.
fn no_key(_: &Pattern, _: &[u8]) -> Option<Vec<u8>> {
    None
}

/// Computes the list to be stored without locks.
fn compute(request: Request, source: Source, limits: ListLimits, tries: u32) -> Next {
    Next::Compute(Box::new(move || {
        let list = request.list(&source, limits, &mut no_key);
        Box::new(move |call| {
            if source.is_current(&mut call.keys, call.args[1]) {
                return store(call, &request, list?);
            }
            let source = Source::of(&mut call.keys, call.args[1])?;
            if tries < TRIES {
                return Ok(compute(request, source, limits, tries + 1));
            }
            let list = request.list(&source, limits, &mut no_key)?;
            store(call, &request, list)
        })
    }))
}

/// Stores the result; one without elements deletes the key.
fn store(call: &mut Call<'_>, request: &Request, list: List) -> Outcome {
    let Some(key) = &request.store else { return DONE };
    let len = list.len();
    if len > 0 {
        call.keys.set(key, Value::List(list), Expiry::Clear);
        call.keys.changed(key, EventClasses::LIST, "sortstore");
        call.keys.effects.dirty += len as u64 - 1;
    } else if call.keys.delete(key) {
        call.keys.changed(key, EventClasses::GENERIC, "del");
    }
    call.reply.int(len as i64);
    DONE
}
