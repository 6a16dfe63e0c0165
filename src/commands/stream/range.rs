//! XLEN, XRANGE and XREVRANGE.

use crate::command::row::*;
use crate::command::{Error, error};
use crate::resp::{Deferred, Reply};
use crate::types::stream::{Entry, Log, Stream, StreamId};

use super::super::{Call, Command, DONE, Next, Outcome};
use super::{FEW, GROUP, parse_end, parse_start, row, write_entry};

const COST: &str = "O(log(N)+M) with N being the number of entries in the stream and M the number returned";
const KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];

pub(super) const XLEN: Command = Command::new(
    row("xlen", 2, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "5.0.0", "O(1)", "Returns the number of entries in a stream.")
        .syntax("key"),
    xlen,
);

pub(super) const XRANGE: Command = Command::new(
    row("xrange", -4, &[READONLY], KEY)
        .doc(GROUP, "5.0.0", COST, "Returns the entries of a stream within a range of IDs.")
        .syntax("key start end [COUNT count:integer]"),
    |call| {
        let (start, end) = (parse_start(call.args[2])?, parse_end(call.args[3])?);
        reply_range(call, Span { start, end, reverse: false })
    },
);

pub(super) const XREVRANGE: Command = Command::new(
    row("xrevrange", -4, &[READONLY], KEY)
        .doc(
            GROUP,
            "5.0.0",
            COST,
            "Returns the entries of a stream within a range of IDs, the last one first.",
        )
        .syntax("key end start [COUNT count:integer]"),
    |call| {
        let (start, end) = (parse_start(call.args[3])?, parse_end(call.args[2])?);
        reply_range(call, Span { start, end, reverse: true })
    },
);

fn xlen(call: &mut Call<'_>) -> Outcome {
    let len = call.keys.read::<Stream>(call.args[1])?.map_or(0, |stream| stream.log().len());
    call.reply.int(len as i64);
    DONE
}

/// The IDs between two ends, both included, and from which end they are walked.
#[derive(Clone, Copy)]
struct Span {
    start: StreamId,
    end: StreamId,
    reverse: bool,
}

impl Span {
    /// What is left of the span behind an entry; none at the end of all IDs.
    fn behind(self, id: StreamId) -> Option<Span> {
        Some(match self.reverse {
            false => Span { start: id.next()?, ..self },
            true => Span { end: id.prev()?, ..self },
        })
    }

    fn for_each(self, log: &Log, most: usize, visit: impl FnMut(Entry<'_>)) {
        match self.reverse {
            false => log.range(self.start, self.end).take(most).for_each(visit),
            true => log.range_back(self.start, self.end).take(most).for_each(visit),
        }
    }
}

/// How many entries are wanted at the most; a negative count is none.
fn count(call: &Call<'_>) -> Result<usize, Error> {
    let mut count = usize::MAX;
    let mut args = call.args_from(4);
    while !args.is_empty() {
        if args.len() < 2 || !args.word("COUNT") {
            return Err(error::SYNTAX);
        }
        count = args.int()?.max(0) as usize;
    }
    Ok(count)
}

fn reply_range(call: &mut Call<'_>, span: Span) -> Outcome {
    let count = count(call)?;
    let may_put_off = call.may_put_off();
    let Some(stream) = call.keys.read::<Stream>(call.args[1])? else {
        call.reply.array(0);
        return DONE;
    };
    if count == 0 {
        call.reply.null_array();
        return DONE;
    }
    let mut part = Part { array: call.reply.defer(), written: 0, last: None };
    part.write(call.reply, stream.log(), span, if may_put_off { count.min(FEW) } else { count });
    let rest = part.last.and_then(|last| span.behind(last));
    let more = part.written == FEW && count > FEW && may_put_off;
    if let (Some(rest), true) = (rest, more) {
        let log = stream.log().clone();
        return Ok(Next::Later(Box::new(move |reply| {
            part.write(reply, &log, rest, count - FEW);
            part.finish(reply);
        })));
    }
    part.finish(call.reply);
    DONE
}

/// An array of entries that may be written in two parts.
struct Part {
    array: Deferred,
    written: usize,
    last: Option<StreamId>,
}

impl Part {
    fn write(&mut self, reply: &mut Reply, log: &Log, span: Span, most: usize) {
        span.for_each(log, most, |entry| {
            write_entry(reply, &entry);
            self.written += 1;
            self.last = Some(entry.id());
        });
    }

    fn finish(self, reply: &mut Reply) {
        reply.finish_array(self.array, self.written);
    }
}
