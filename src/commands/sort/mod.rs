//! SORT and SORT_RO: the elements of a list, set or sorted set in an order, as a reply or stored as a list.
//!
//! Patterns of BY and GET name other keys for each element, which nobody knows beforehand: a request with such a
//! pattern runs behind the closed gate. Without them a large value is sorted on a reference when its lock has been
//! released, and what is to be stored is stored only if the value is still the same.

mod order;
mod partial;
mod pattern;
mod source;

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::base::num::IntText;
use crate::command::keys::InvalidKeys;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Value};
use crate::resp::Reply;
use crate::types::list::{List, ListBuilder, ListLimits};
use crate::types::listpack::Item;

use self::order::{NotNumbers, Order};
use self::pattern::Pattern;
use self::source::{SORTABLE, Source};
use super::call::Next;
use super::list::limits;
use super::store::{Combination, Sources, combine, put};
use super::{Call, Command, DONE, Found, Outcome, permission};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        row("sort", &[WRITE, DENYOOM], &[SOURCE, PATTERNS, DESTINATION])
            .doc(
                GROUP,
                "1.0.0",
                COST,
                "Sorts the elements of a list, a set or a sorted set and may store them.",
            )
            .syntax(
                "key [BY by-pattern:pattern#1/pattern] [LIMIT limit:(offset:integer count:integer)] \
                 [GET get-pattern:pattern#1/pattern**] [order:<ASC|DESC>] [sorting=ALPHA] \
                 [STORE destination:key#2]",
            ),
        |call| sort(call, true),
    )
    .find_keys(keys)
    .touches_unnamed(has_patterns),
    Command::new(
        row("sort_ro", &[READONLY], &[SOURCE, PATTERNS])
            .doc(GROUP, "7.0.0", COST, "Sorts the elements of a list, a set or a sorted set.")
            .syntax(
                "key [BY by-pattern:pattern#1/pattern] [LIMIT limit:(offset:integer count:integer)] \
                 [GET get-pattern:pattern#1/pattern**] [order:<ASC|DESC>] [sorting=ALPHA]",
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

const fn row(name: &'static str, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, -2).flags(flags).keys(keys).categories(&[
        Categories::SET,
        Categories::SORTEDSET,
        Categories::LIST,
        Categories::DANGEROUS,
    ])
}

/// The options that have arguments, and how many.
const WITH_ARGUMENTS: [(&str, usize); 4] = [("LIMIT", 2), ("BY", 1), ("GET", 1), ("STORE", 1)];

/// The words of options with the indices of their first arguments.
fn options<'a>(args: &'a [&'a [u8]]) -> impl Iterator<Item = (&'a [u8], usize)> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let word = *args.get(at)?;
        let is = |(name, _): &&(&str, usize)| word.eq_ignore_ascii_case(name.as_bytes());
        let first = at + 1;
        at = first + WITH_ARGUMENTS.iter().find(is).map_or(0, |(_, count)| *count);
        Some((word, first))
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
    /// Whether others rely on the order: a stored list, a script. A set has none by itself, so it is sorted then.
    relied_on: bool,
}

/// Finds what a pattern names for an element.
type Find<'f> = &'f mut dyn FnMut(&Pattern, &[u8]) -> Option<Vec<u8>>;

/// Patterns name keys that are known only when they are read.
fn may_read_all_keys(call: &Call<'_>) -> bool {
    let user = call.session.identity.user();
    match call.server.catalog.find(call.args) {
        Found::Command(listed) => permission::may_read_all_keys(user, listed, call.args),
        _ => false,
    }
}

impl Request {
    fn parse(call: &Call<'_>, may_store: bool) -> Result<Request, Error> {
        let mut request = Request {
            by: By::Element,
            gets: Vec::new(),
            alpha: false,
            descending: false,
            limit: (0, -1),
            store: None,
            relied_on: call.nested,
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
                request.relied_on = true;
            } else if args.len() > 1 && args.word("BY") {
                // A name without an asterisk stays in force, whatever comes behind it.
                let pattern = Pattern::parse(args.want()?);
                if pattern.is_some() && !may_read_all_keys(call) {
                    return Err(error::SORT_BY_DENIED);
                }
                request.by = match (pattern, request.by) {
                    (Some(pattern), By::Element | By::Pattern(_)) => By::Pattern(pattern),
                    _ => By::Nothing,
                };
            } else if args.len() > 1 && args.word("GET") {
                if !may_read_all_keys(call) {
                    return Err(error::SORT_GET_DENIED);
                }
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

    /// Which of `len` elements are returned.
    fn window(&self, len: usize) -> Range<usize> {
        let (skip, count) = self.limit;
        let at_most = |n: i64| usize::try_from(n).map_or(0, |n| n.min(len));
        let start = at_most(skip);
        let count = if count < 0 { len } else { at_most(count) };
        start..(start + count).min(len)
    }

    /// The elements that are returned, in order.
    fn select<'v>(&self, source: Source<'v>, find: Find<'_>) -> Result<Vec<Item<'v>>, NotNumbers> {
        let window = self.window(source.len());
        let order =
            Order { alpha: self.alpha, descending: self.descending, whole_text: self.store.is_some() };
        let mut items = match &self.by {
            By::Nothing if source.is_unordered() && self.relied_on => {
                let mut items = source.items();
                Order { alpha: true, ..order }.sort(&mut items)?;
                items
            }
            By::Nothing => return Ok(source.native(window, self.descending)),
            By::Element => {
                let mut items = source.items();
                order.sort(&mut items)?;
                items
            }
            By::Pattern(pattern) => {
                let mut items = source.items();
                let weights =
                    items.iter().map(|item| find(pattern, item.as_bytes(&mut IntText::new()))).collect();
                order.sort_by_weights(&mut items, weights, window.clone())?;
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

    fn answer(&self, source: Source<'_>, find: Find<'_>, reply: &mut Reply) -> Result<(), NotNumbers> {
        let items = self.select(source, find)?;
        reply.array(items.len() * self.values_each());
        self.values(&items, find, |value| match value {
            Some(value) => reply.bulk(value),
            None => reply.null(),
        });
        Ok(())
    }

    fn list(&self, source: Source<'_>, limits: ListLimits, find: Find<'_>) -> Result<List, NotNumbers> {
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
    let (request, limits) = (Request::parse(call, may_store)?, limits(call));
    if request.store.is_some() && !request.needs_keys() {
        return combine(call, Stored { request, limits });
    }
    let sources = Sources::read(call, &call.args[1..2], SORTABLE, Access::Read)?;
    if !request.needs_keys() && call.may_put_off() && the_only(&sources).len() > AT_ONCE_MAX {
        return Ok(Next::Later(Box::new(move |reply| {
            if let Err(failure) = request.answer(the_only(&sources), &mut no_key, reply) {
                reply.error(Error::from(failure).text());
            }
            sources.discard();
        })));
    }
    let in_keys = &mut |pattern: &Pattern, element: &[u8]| pattern.find(&mut call.keys, element);
    if request.store.is_none() {
        request.answer(the_only(&sources), in_keys, call.reply)?;
        return DONE;
    }
    let list = request.list(the_only(&sources), limits, in_keys)?;
    store(call, &request, list)
}

fn the_only(sources: &Sources) -> Source<'_> {
    Source(sources.values().next().flatten())
}

/// For requests without patterns.
fn no_key(_: &Pattern, _: &[u8]) -> Option<Vec<u8>> {
    None
}

/// SORT with STORE and without patterns.
struct Stored {
    request: Request,
    limits: ListLimits,
}

impl Combination for Stored {
    type Result = Result<List, NotNumbers>;

    fn read(&self, call: &mut Call<'_>, access: Access) -> Result<Sources, Error> {
        Ok(Sources::read(call, &call.args[1..2], SORTABLE, access)?)
    }

    fn is_heavy(&self, sources: &Sources) -> bool {
        the_only(sources).len() > AT_ONCE_MAX
    }

    fn compute(&self, sources: &Sources) -> Self::Result {
        self.request.list(the_only(sources), self.limits, &mut no_key)
    }

    fn install(self, call: &mut Call<'_>, result: Self::Result) -> Outcome {
        store(call, &self.request, result?)
    }
}

/// Stores the result; one without elements deletes the key.
fn store(call: &mut Call<'_>, request: &Request, list: List) -> Outcome {
    let len = list.len();
    // Each element counts as a change.
    call.keys.effects.dirty += (len as u64).saturating_sub(1);
    let destination = request.store.as_deref().unwrap_or_default();
    put(call, destination, Value::List(list), len, (EventClasses::LIST, "sortstore"))
}
