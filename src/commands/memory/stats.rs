//! MEMORY STATS: what the server's memory is used for, in figures.

use std::sync::Arc;

use crate::keyspace::table::BYTES_PER_ENTRY;
use crate::keyspace::wheel::BYTES_PER_DEADLINE;
use crate::observe::Facts;
use crate::observe::facts::DatabaseFacts;
use crate::observe::info::MemoryFacts;
use crate::resp::Reply;

use super::super::{Call, Next, Outcome};

/// What the figures are made of.
struct Picture {
    memory: MemoryFacts,
    databases: Vec<DatabaseFacts>,
}

enum Figure {
    Count(u64),
    Difference(u64, u64),
    Ratio(f64),
}

use Figure::{Count, Difference, Ratio};

type Row = (&'static str, fn(&Picture) -> Figure);

const ABOUT_PARTS: [Row; 10] = [
    ("peak.allocated", |picture| Count(picture.memory.peak)),
    ("total.allocated", |picture| Count(picture.memory.used)),
    ("startup.allocated", |picture| Count(picture.memory.startup)),
    ("replication.backlog", |_| Count(0)),
    ("clients.slaves", |_| Count(0)),
    ("clients.normal", |picture| Count(picture.memory.clients)),
    ("cluster.links", |_| Count(0)),
    ("aof.buffer", |picture| Count(picture.memory.aof_buffer)),
    ("lua.caches", |picture| Count(picture.memory.script_texts)),
    ("functions.caches", |picture| Count(picture.memory.function_texts)),
];

// Between these and those above stands a map per database.
const ABOUT_DATA: [Row; 21] = [
    ("overhead.db.hashtable.lut", |picture| Count(picture.memory.tables)),
    // Tables grow segment by segment: there is never a second one.
    ("overhead.db.hashtable.rehashing", |_| Count(0)),
    ("overhead.total", |picture| Count(picture.memory.overhead())),
    ("db.dict.rehashing.count", |_| Count(0)),
    ("keys.count", |picture| Count(picture.keys())),
    ("keys.bytes-per-key", |picture| {
        Count(picture.memory.dataset().checked_div(picture.keys()).unwrap_or(0))
    }),
    ("dataset.bytes", |picture| Count(picture.memory.dataset())),
    ("dataset.percentage", |picture| {
        let net = picture.memory.used.saturating_sub(picture.memory.startup);
        Ratio(100.0 * ratio(picture.memory.dataset(), net))
    }),
    ("peak.percentage", |picture| Ratio(100.0 * ratio(picture.memory.used, picture.memory.peak))),
    ("allocator.allocated", |picture| Count(picture.memory.allocator.allocated as u64)),
    ("allocator.active", |picture| Count(picture.memory.allocator.active as u64)),
    ("allocator.resident", |picture| Count(picture.memory.allocator.resident as u64)),
    ("allocator.muzzy", |picture| Count(picture.memory.allocator.muzzy as u64)),
    ("allocator-fragmentation.ratio", |picture| {
        Ratio(ratio(picture.memory.allocator.active as u64, picture.memory.allocator.allocated as u64))
    }),
    ("allocator-fragmentation.bytes", |picture| {
        Difference(picture.memory.allocator.active as u64, picture.memory.allocator.allocated as u64)
    }),
    ("allocator-rss.ratio", |picture| {
        Ratio(ratio(picture.memory.allocator.resident as u64, picture.memory.allocator.active as u64))
    }),
    ("allocator-rss.bytes", |picture| {
        Difference(picture.memory.allocator.resident as u64, picture.memory.allocator.active as u64)
    }),
    ("rss-overhead.ratio", |picture| {
        Ratio(ratio(picture.memory.resident, picture.memory.allocator.resident as u64))
    }),
    ("rss-overhead.bytes", |picture| {
        Difference(picture.memory.resident, picture.memory.allocator.resident as u64)
    }),
    ("fragmentation", |picture| Ratio(ratio(picture.memory.resident, picture.memory.used))),
    ("fragmentation.bytes", |picture| Difference(picture.memory.resident, picture.memory.used)),
];

impl Picture {
    fn keys(&self) -> u64 {
        self.databases.iter().map(|database| database.keys).sum()
    }
}

/// `a` divided by `b`; by 1 if there is no `b`.
pub(super) fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

pub(super) fn stats(call: &mut Call<'_>) -> Outcome {
    let server = Arc::clone(call.server);
    Ok(Next::Later(Box::new(move |reply| {
        write(&Picture { memory: server.memory(), databases: server.databases() }, reply);
    })))
}

fn write(picture: &Picture, reply: &mut Reply) {
    let numbered = picture.databases.iter().enumerate();
    let used: Vec<(usize, &DatabaseFacts)> = numbered.filter(|(_, database)| database.keys > 0).collect();
    reply.map(ABOUT_PARTS.len() + used.len() + ABOUT_DATA.len());
    ABOUT_PARTS.iter().for_each(|row| write_row(row, picture, reply));
    for (number, database) in used {
        reply.bulk(format!("db.{number}").as_bytes());
        reply.map(2);
        reply.bulk(b"overhead.hashtable.main");
        reply.int((database.keys * BYTES_PER_ENTRY as u64) as i64);
        reply.bulk(b"overhead.hashtable.expires");
        reply.int((database.expires * BYTES_PER_DEADLINE as u64) as i64);
    }
    ABOUT_DATA.iter().for_each(|row| write_row(row, picture, reply));
}

fn write_row((name, figure): &Row, picture: &Picture, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    match figure(picture) {
        Count(count) => reply.int(count as i64),
        Difference(a, b) => reply.int(a as i64 - b as i64),
        Ratio(ratio) => reply.double(ratio),
    }
}
