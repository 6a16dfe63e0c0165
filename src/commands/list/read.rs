//! Reading lists: LLEN, LINDEX, LRANGE, LPOS.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::resp::Reply;
use crate::types::list::{End, List};

use super::super::call::{Next, write_item};
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];

pub(super) const LLEN: Command = Command::new(
    row("llen", 2, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "1.0.0", "O(1)", "Returns the number of elements of a list.")
        .syntax("key"),
    llen,
);

pub(super) const LINDEX: Command = Command::new(
    row("lindex", 3, &[READONLY], KEY)
        .doc(
            GROUP,
            "1.0.0",
            "O(log(N)) where N is the number of elements of the list",
            "Returns the element at an index of a list.",
        )
        .syntax("key index:integer"),
    lindex,
);

pub(super) const LRANGE: Command = Command::new(
    row("lrange", 4, &[READONLY], KEY)
        .doc(
            GROUP,
            "1.0.0",
            "O(log(N)+M) where N is the number of elements of the list and M the number returned",
            "Returns the elements of a list between two indexes.",
        )
        .syntax("key start:integer stop:integer"),
    lrange,
);

pub(super) const LPOS: Command = Command::new(
    row("lpos", -3, &[READONLY], KEY)
        .doc(
            GROUP,
            "6.0.6",
            "O(N) where N is the number of elements looked at",
            "Returns the indexes of elements that are equal to one.",
        )
        .syntax("key element [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN len:integer]"),
    lpos,
);

/// How many bytes of elements are answered while the list is locked.
const AT_ONCE_BYTES: usize = 64 * 1024;
/// How many elements are compared while the list is locked.
const AT_ONCE_ELEMENTS: usize = 4096;

fn llen(call: &mut Call<'_>) -> Outcome {
    let len = call.keys.read::<List>(call.args[1])?.map_or(0, |list| list.len());
    call.reply.int(len as i64);
    DONE
}

fn lindex(call: &mut Call<'_>) -> Outcome {
    let Some(list) = call.keys.read::<List>(call.args[1])? else {
        call.reply.null();
        return DONE;
    };
    match list.get(args::int(call.args[2])?) {
        Some(item) => write_item(call.reply, item),
        None => call.reply.null(),
    }
    DONE
}

fn lrange(call: &mut Call<'_>) -> Outcome {
    let (start, stop) = (args::int(call.args[2])?, args::int(call.args[3])?);
    let put_off = call.may_put_off();
    let Some(list) = call.keys.read::<List>(call.args[1])? else {
        call.reply.array(0);
        return DONE;
    };
    let mut items = list.range(start, stop);
    call.reply.array(items.len());
    let end = if put_off { call.reply.len() + AT_ONCE_BYTES } else { usize::MAX };
    items.visit_while(|item| {
        write_item(call.reply, item);
        call.reply.len() < end
    });
    // The rest is read from a reference when the lock is released.
    let rest = items.indexes();
    if rest.is_empty() {
        return DONE;
    }
    let list = list.to_owned();
    Ok(Next::Later(Box::new(move |reply| {
        list.range(rest.start as i64, rest.end as i64 - 1).for_each(|item| write_item(reply, item));
    })))
}

/// What LPOS is asked besides key and element.
#[derive(Clone, Copy)]
struct Search {
    from: End,
    /// Matches passed over.
    skip: usize,
    /// How many matches are answered, as an array; none: the first, as an integer.
    count: Option<usize>,
    /// How many elements are looked at.
    most: usize,
}

impl Search {
    fn parse(call: &Call<'_>) -> Result<Search, Error> {
        let mut search = Search { from: End::Head, skip: 0, count: None, most: usize::MAX };
        let unlimited = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let mut args = call.args_from(3);
        while !args.is_empty() {
            if args.len() < 2 {
                return Err(error::SYNTAX);
            } else if args.word("RANK") {
                let rank = args::int_in(args.want()?, -i64::MAX, i64::MAX)?;
                search.from = if rank < 0 { End::Tail } else { End::Head };
                search.skip = rank.unsigned_abs().checked_sub(1).ok_or(error::RANK_ZERO)? as usize;
            } else if args.word("COUNT") {
                let count = args::count(args.want()?, error::COUNT_NEGATIVE)?;
                search.count = Some(unlimited(count));
            } else if args.word("MAXLEN") {
                let most = args::count(args.want()?, error::MAXLEN_NEGATIVE)?;
                search.most = unlimited(most);
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(search)
    }

    fn run(self, list: &List, element: &[u8], reply: &mut Reply) {
        let mut found = list.positions(element, self.from, self.most).skip(self.skip);
        let Some(count) = self.count else {
            return match found.next() {
                Some(index) => reply.int(index as i64),
                None => reply.null(),
            };
        };
        let array = reply.defer();
        let answered = found.take(count).map(|index| reply.int(index as i64)).count();
        reply.finish_array(array, answered);
    }
}

fn lpos(call: &mut Call<'_>) -> Outcome {
    let (key, element) = (call.args[1], call.args[2]);
    let search = Search::parse(call)?;
    let put_off = call.may_put_off();
    match call.keys.read::<List>(key)? {
        None if search.count.is_some() => call.reply.array(0),
        None => call.reply.null(),
        Some(list) if put_off && list.len().min(search.most) > AT_ONCE_ELEMENTS => {
            let (list, element) = (list.to_owned(), element.to_vec());
            return Ok(Next::Later(Box::new(move |reply| search.run(&list, &element, reply))));
        }
        Some(list) => search.run(&list, element, call.reply),
    }
    DONE
}
