//! ACL LOG.

use crate::base::clock;
use crate::command::args;

use super::super::{Call, DONE, Outcome};

/// Entries that are shown if no number is given.
const SHOWN: i64 = 10;

pub(super) fn log(call: &mut Call<'_>) -> Outcome {
    let count = match *call.args {
        [_, _] => SHOWN,
        [_, _, word] if word.eq_ignore_ascii_case(b"reset") => {
            call.server.acl_log.clear();
            call.reply.ok();
            return DONE;
        }
        [_, _, count] => args::int(count)?,
        _ => return Err(crate::command::error::subcommand_syntax(call.args)),
    };
    let entries = call.server.acl_log.latest(usize::try_from(count).unwrap_or(0));
    let now = clock::unix_ms();
    let reply = &mut *call.reply;
    reply.array(entries.len());
    for entry in entries {
        reply.map(10);
        reply.bulk(b"count");
        reply.int(entry.count as i64);
        for (name, text) in [
            ("reason", entry.reason.word().as_bytes()),
            ("context", entry.context.word().as_bytes()),
            ("object", &entry.object),
            ("username", &entry.user),
        ] {
            reply.bulk(name.as_bytes());
            reply.bulk(text);
        }
        reply.bulk(b"age-seconds");
        reply.double((now - entry.updated_ms) as f64 / 1000.0);
        reply.bulk(b"client-info");
        reply.bulk(entry.client.as_bytes());
        for (name, value) in [
            ("entry-id", entry.id as i64),
            ("timestamp-created", entry.created_ms),
            ("timestamp-last-updated", entry.updated_ms),
        ] {
            reply.bulk(name.as_bytes());
            reply.int(value);
        }
    }
    DONE
}
