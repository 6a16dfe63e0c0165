//! DEBUG OBJECT: the line about one key, as tools and Redis's suite parse it.

use std::fmt::Write;

use crate::base::lzf::Compressor;
use crate::base::num::{IntText, parse_i64};
use crate::command::error;
use crate::config::Encodings;
use crate::keyspace::lru_seconds;
use crate::keyspace::{Access, EntryRef, StrRef, Type, Value};
use crate::types::{hash::Hash, list::List, set::Set, zset::Zset};

use super::super::{Call, DONE, Outcome};

pub(super) fn object(call: &mut Call<'_>) -> Outcome {
    let (now, settings) = (call.keys.now(), call.session.settings.clone());
    let entry = call.keys.find_undeleted(call.args[2]).ok_or(error::NO_SUCH_KEY)?;
    let mut line = format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        entry.key().as_ptr(),
        entry.encoding(),
        serialized_len(entry, settings.snapshots.compression),
        entry.clock(),
        lru_seconds(now).wrapping_sub(entry.clock()) & 0xFF_FFFF,
    );
    if let Some(list) = entry.collection::<List>().filter(|list| list.encoding() == "quicklist") {
        describe_chunks(&list, &settings.encodings, &mut line);
    }
    call.reply.simple(line);
    DONE
}

/// Writes what a listpack holds to the log, an element a line.
pub(super) fn listpack(call: &mut Call<'_>) -> Outcome {
    let entry = call.keys.find(call.args[2], Access::Silent).ok_or(error::NO_SUCH_KEY)?;
    let value = entry.share_value();
    let listpack = match &value {
        Value::List(list) => list.as_listpack(),
        Value::Set(set) => set.as_listpack(),
        Value::Hash(hash) => hash.as_listpack().or_else(|| hash.as_timed_listpack()),
        Value::Zset(zset) => zset.as_listpack(),
        Value::Str(_) | Value::Stream(_) => None,
    };
    let listpack = listpack.ok_or(error::NOT_A_LISTPACK)?;
    tracing::info!("Listpack of {} bytes:", listpack.bytes().len());
    for (index, element) in listpack.iter().enumerate() {
        tracing::info!("{index}: {}", element.to_vec().escape_ascii());
    }
    call.reply.simple("Listpack written to the log");
    DONE
}

/// What Redis tells of a quicklist's nodes, of our chunks. There as here, `ql_compressed` tells whether
/// `list-compress-depth` is set, and not of any node that it is compressed: ours never are.
fn describe_chunks(list: &List, configured: &Encodings, line: &mut String) {
    let chunks = list.chunks().count();
    let bytes: usize = list.chunks().map(|chunk| chunk.bytes().len()).sum();
    let average = list.len() as f64 / chunks.max(1) as f64;
    let most = configured.list_max_listpack_size;
    let compressed = u8::from(configured.list_compress_depth > 0);
    // Writing to a string can't fail.
    let _ = write!(
        line,
        " ql_nodes:{chunks} ql_avg_node:{average:.2} ql_listpack_max:{most} ql_compressed:{compressed} \
         ql_uncompressed_size:{bytes}"
    );
}

/// The bytes of a value in an RDB file, as our compressor would write it; of large sets, hashes, sorted sets and
/// streams those in memory instead, since telling would take as long as saving.
fn serialized_len(entry: EntryRef<'_>, compress: bool) -> usize {
    let packed = match entry.type_of() {
        Type::String => entry.string().map(|string| string_len(string, compress)),
        Type::List => entry.collection::<List>().map(|list| {
            let nodes = list.chunks().map(|chunk| 1 + bytes_len(chunk.bytes(), compress)).sum::<usize>();
            length_len(list.chunks().count()) + nodes
        }),
        Type::Set => entry.collection::<Set>().and_then(|set| {
            let listpack = set.as_listpack().map(|listpack| bytes_len(listpack.bytes(), compress));
            listpack.or_else(|| Some(bytes_len(set.as_intset()?.as_bytes(), compress)))
        }),
        Type::Hash => {
            entry.collection::<Hash>().and_then(|hash| Some(bytes_len(hash.as_listpack()?.bytes(), compress)))
        }
        Type::Zset => {
            entry.collection::<Zset>().and_then(|zset| Some(bytes_len(zset.as_listpack()?.bytes(), compress)))
        }
        Type::Stream => None,
    };
    packed.unwrap_or_else(|| entry.memory_bytes())
}

fn string_len(string: StrRef<'_>, compress: bool) -> usize {
    match string {
        StrRef::Int(number) => integer_len(number).unwrap_or_else(|| {
            let digits = IntText::new().format(number).len();
            length_len(digits) + digits
        }),
        StrRef::Bytes(bytes) => bytes_len(bytes, compress),
        StrRef::Heap(bytes) => bytes_len(bytes, compress),
    }
}

fn bytes_len(bytes: &[u8], compress: bool) -> usize {
    if let Some(len) = parse_i64(bytes).and_then(integer_len) {
        return len;
    }
    let mut compressed = Vec::new();
    // Shorter text can't be compressed; four bytes must be won.
    if compress && bytes.len() > 20 && Compressor::new().compress(bytes, bytes.len() - 4, &mut compressed) {
        return 1 + length_len(compressed.len()) + length_len(bytes.len()) + compressed.len();
    }
    length_len(bytes.len()) + bytes.len()
}

/// The bytes of an integer that has a short form.
fn integer_len(number: i64) -> Option<usize> {
    if i8::try_from(number).is_ok() {
        Some(2)
    } else if i16::try_from(number).is_ok() {
        Some(3)
    } else if i32::try_from(number).is_ok() {
        Some(5)
    } else {
        None
    }
}

/// The bytes of a length.
fn length_len(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..16_384 => 2,
        16_384..=0xFFFF_FFFF => 5,
        _ => 9,
    }
}
