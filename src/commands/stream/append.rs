//! XADD and XTRIM.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::config::{EventClasses, Settings};
use crate::types::stream::id::parse_new;
use crate::types::stream::{AppendError, Keep, Log, NewId, Stream, StreamId, StreamLimits, Trim};

use super::super::revise::say_changed;
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, parse_id, row, write_id};

pub(super) const XADD: Command = Command::new(
    row(
        "xadd",
        -5,
        &[WRITE, DENYOOM, FAST],
        &[KeySpec::at(1, &[RW, UPDATE])
            .notes("UPDATE instead of INSERT because of the optional trimming feature")],
    )
    .tips(&["nondeterministic_output"])
    .doc(
        GROUP,
        "5.0.0",
        "O(1) to add an entry, O(N) to trim N entries",
        "Adds an entry to a stream, which is made if it doesn't exist.",
    )
    .syntax(
        "key [NOMKSTREAM@6.2.0] [trim:(strategy:<MAXLEN|MINID@6.2.0> [operator:<equal==|\
         approximately=~>] threshold [LIMIT count:integer@6.2.0])] id-selector:<auto-id=*|id> \
         data:(field value)*",
    ),
    xadd,
);

pub(super) const XTRIM: Command = Command::new(
    row("xtrim", -4, &[WRITE], &[KeySpec::at(1, &[RW, DELETE])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "5.0.0",
            "O(N) where N is the number of entries removed; whole chunks of entries go at once",
            "Removes the oldest entries of a stream.",
        )
        .syntax(
            "key trim:(strategy:<MAXLEN|MINID@6.2.0> [operator:<equal==|\
             approximately=~>] threshold [LIMIT count:integer@6.2.0])",
        ),
    xtrim,
);

fn limits(settings: &Settings) -> StreamLimits {
    StreamLimits {
        max_bytes: settings.encodings.stream_node_max_bytes,
        max_entries: settings.encodings.stream_node_max_entries,
    }
}

/// The options that XADD and XTRIM share, and XADD's ID behind them.
#[derive(Default)]
struct Options<'a> {
    only_existing: bool,
    keep: Option<Keep>,
    whole_chunks: bool,
    /// Whether `~` or `=` stands before the threshold.
    marked: bool,
    /// Where the threshold stands among the arguments.
    threshold_at: usize,
    limit: Option<u64>,
    /// Where LIMIT stands among the arguments.
    limit_at: usize,
    id: Option<NewId>,
    /// Where the ID stands among the arguments.
    id_at: usize,
    /// What stands behind the ID.
    fields: &'a [&'a [u8]],
}

impl<'a> Options<'a> {
    fn parse(call: &Call<'a>, adds: bool) -> Result<Options<'a>, Error> {
        let mut options = Options::default();
        let mut args = call.args_from(2);
        while !args.is_empty() {
            let more = args.len() > 1;
            let at = call.args.len() - args.len();
            if more && args.word("MAXLEN") {
                let count = args::int(options.threshold(&mut args)?)?;
                let count = u64::try_from(count).map_err(|_| error::TRIM_MAXLEN_NEGATIVE)?;
                options.threshold_at = at + 1 + usize::from(options.marked);
                options.keep = Some(Keep::Newest(count));
            } else if more && args.word("MINID") {
                options.keep = Some(Keep::From(parse_id(options.threshold(&mut args)?)?));
                options.threshold_at = at + 1 + usize::from(options.marked);
            } else if more && args.word("LIMIT") {
                options.limit_at = at;
                let limit = args.int()?;
                options.limit = Some(u64::try_from(limit).map_err(|_| error::TRIM_LIMIT_NEGATIVE)?);
            } else if adds && args.word("NOMKSTREAM") {
                options.only_existing = true;
            } else if adds {
                options.id_at = at;
                options.id = Some(parse_new(args.want()?).ok_or(error::INVALID_STREAM_ID)?);
                options.fields = args.rest();
                break;
            } else {
                return Err(error::SYNTAX);
            }
        }
        options.check(adds, call.session.replays)?;
        Ok(options)
    }

    /// Takes what stands behind MAXLEN or MINID: perhaps `~` or `=`, then the threshold.
    fn threshold(&mut self, args: &mut Args<'a>) -> Result<&'a [u8], Error> {
        if self.keep.is_some() {
            return Err(error::TRIM_TWICE);
        }
        if args.len() > 1 {
            self.whole_chunks = args.word("~");
            self.marked = self.whole_chunks || args.word("=");
        }
        args.want()
    }

    fn check(&self, adds: bool, replays: bool) -> Result<(), Error> {
        if self.limit.is_some_and(|limit| limit > 0) && self.keep.is_none() {
            return Err(error::TRIM_LIMIT_ALONE);
        }
        if !adds && self.keep.is_none() {
            return Err(error::XTRIM_WITHOUT_STRATEGY);
        }
        // Redis leaves LIMIT in the journal when it has made the threshold exact.
        if self.limit.is_some() && !self.whole_chunks && !replays {
            return Err(error::TRIM_LIMIT_EXACT);
        }
        Ok(())
    }

    /// The threshold that trims exactly to what is left after trimming whole chunks.
    fn exact_threshold(&self, log: &Log) -> Option<Keep> {
        self.keep.filter(|_| self.whole_chunks).map(|keep| match keep {
            Keep::Newest(_) => Keep::Newest(log.len()),
            Keep::From(_) => Keep::From(log.first().map_or(StreamId::MIN, |first| first.id())),
        })
    }

    /// Tells the journal the ID that was given and what was really trimmed.
    fn propagate(&self, call: &mut Call<'_>, threshold: Option<Keep>, id: Option<StreamId>) {
        let mut args = call.args.to_vec();
        let id = id.map(|id| id.text());
        if let Some(id) = &id {
            args[self.id_at] = id;
        }
        let threshold = threshold.map(|keep| match keep {
            Keep::Newest(count) => IntText::new().format(count as i64).as_bytes().to_vec(),
            Keep::From(first) => first.text().to_vec(),
        });
        if let Some(threshold) = &threshold {
            args[self.threshold_at - 1] = b"=";
            args[self.threshold_at] = threshold;
            if self.limit.is_some() {
                args.drain(self.limit_at..self.limit_at + 2);
            }
        }
        call.keys.propagate_instead(&args);
    }

    fn trim(&self, limits: &StreamLimits) -> Option<Trim> {
        let limit = match self.limit {
            Some(limit) => limit,
            None if self.whole_chunks => limits.default_trim_limit(),
            None => 0,
        };
        Some(Trim { keep: self.keep?, whole_chunks: self.whole_chunks, limit })
    }
}

fn xadd(call: &mut Call<'_>) -> Outcome {
    let options = Options::parse(call, true)?;
    let fields = options.fields;
    let id = options.id.filter(|_| !fields.is_empty() && fields.len() % 2 == 0);
    let id = id.ok_or_else(|| error::wrong_arity(call.spec.name))?;
    if id == NewId::Given(StreamId::MIN) {
        return Err(error::XADD_ZERO_ID);
    }
    let key = call.args[1];
    let limits = limits(call.settings());
    let now = call.keys.wall();
    let event = (EventClasses::STREAM, "xadd");
    let append = |stream: &mut Stream| {
        let log = stream.log_mut();
        let appended = log.append(id, fields, &limits, now).map(|id| {
            let trimmed = options.trim(&limits).map_or(0, |trim| log.trim(&trim));
            (id, trimmed, options.exact_threshold(log))
        });
        let count = appended.is_ok().into();
        (appended, count)
    };
    let appended = if options.only_existing {
        call.keys.update(key, event, append)?
    } else {
        Some(call.keys.update_or_new(key, event, append)?)
    };
    let Some(appended) = appended else {
        call.reply.null();
        return DONE;
    };
    let (id, trimmed, threshold) = appended.map_err(|refused| match refused {
        AppendError::Exhausted => error::XADD_EXHAUSTED,
        AppendError::NotGreater => error::XADD_ID_NOT_GREATER,
        AppendError::TooLarge => error::XADD_TOO_LARGE,
    })?;
    write_id(call.reply, id);
    if trimmed > 0 {
        call.keys.event(key, EventClasses::STREAM, "xtrim");
    }
    if call.keys.propagates() {
        options.propagate(call, threshold, Some(id));
    }
    DONE
}

fn xtrim(call: &mut Call<'_>) -> Outcome {
    let options = Options::parse(call, false)?;
    let key = call.args[1];
    let trim = options.trim(&limits(call.settings()));
    let (trimmed, threshold) = match (call.keys.write::<Stream>(key)?, trim) {
        (Some(mut stream), Some(trim)) => {
            (stream.log_mut().trim(&trim), options.exact_threshold(stream.log()))
        }
        _ => (0, None),
    };
    removed(call, key, trimmed, "xtrim");
    if trimmed > 0 && call.keys.propagates() {
        options.propagate(call, threshold, None);
    }
    DONE
}

/// Says and answers how many entries were removed.
pub(super) fn removed(call: &mut Call<'_>, key: &[u8], count: u64, event: &'static str) {
    say_changed(call, key, (EventClasses::STREAM, event), count as usize);
    call.reply.int(count as i64);
}
