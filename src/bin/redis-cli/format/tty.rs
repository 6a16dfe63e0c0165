//! Replies for people at a terminal: quoted, numbered, with their types.
//!
//! Items stand on lines of their own behind a number whose width fits the largest one; nested replies are indented
//! by what stands before them. A map's value follows its key, or begins on the next line where it takes several.

use std::io::Write;

use redstart::base::words::quote_into;

use crate::wire::Reply;

/// Appends a reply and a line end. Lines after the first begin with `indent`.
pub fn write(reply: &Reply, indent: &str, out: &mut Vec<u8>) {
    match reply {
        Reply::Error(text) => line(b"(error) ", text, out),
        Reply::Status(text) | Reply::Verbatim(text) => line(b"", text, out),
        Reply::Integer(number) => {
            line(b"(integer) ", itoa::Buffer::new().format(*number).as_bytes(), out);
        }
        Reply::Double(digits) => line(b"(double) ", digits, out),
        Reply::BigNumber(digits) => line(b"(big number) ", digits, out),
        Reply::Bulk(text) => {
            quote_into(out, text);
            out.push(b'\n');
        }
        Reply::Nil => line(b"", b"(nil)", out),
        Reply::Boolean(yes) => line(b"", if *yes { b"(true)" } else { b"(false)" }, out),
        Reply::Array(items) => items_in_lines(items, "(empty array)", ')', indent, out),
        Reply::Set(items) => items_in_lines(items, "(empty set)", '~', indent, out),
        Reply::Push(items) => items_in_lines(items, "(empty push)", ')', indent, out),
        Reply::Map(pairs) => pairs_in_lines(pairs, indent, out),
    }
}

fn line(label: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(label);
    out.extend_from_slice(text);
    out.push(b'\n');
}

fn items_in_lines(items: &[Reply], empty: &str, mark: char, indent: &str, out: &mut Vec<u8>) {
    if items.is_empty() {
        return line(b"", empty.as_bytes(), out);
    }
    let (width, deeper) = width_and_indent(items.len(), indent);
    for (at, item) in items.iter().enumerate() {
        number(at, width, mark, indent, out);
        write(item, &deeper, out);
    }
}

fn pairs_in_lines(pairs: &[(Reply, Reply)], indent: &str, out: &mut Vec<u8>) {
    if pairs.is_empty() {
        return line(b"", b"(empty hash)", out);
    }
    let (width, deeper) = width_and_indent(pairs.len(), indent);
    for (at, (key, value)) in pairs.iter().enumerate() {
        number(at, width, '#', indent, out);
        write(key, &deeper, out);
        // The value goes on in the key's line.
        out.pop();
        out.extend_from_slice(b" => ");
        if takes_lines(value) {
            out.push(b'\n');
            out.extend_from_slice(deeper.as_bytes());
        }
        write(value, &deeper, out);
    }
}

/// How wide the numbers are, and what stands before the lines of an item.
fn width_and_indent(count: usize, indent: &str) -> (usize, String) {
    let width = count.to_string().len();
    (width, format!("{indent}{:1$}", "", width + 2))
}

/// The number of an item. Before the first one the caller has already written what stands there.
fn number(at: usize, width: usize, mark: char, indent: &str, out: &mut Vec<u8>) {
    let indent = if at == 0 { "" } else { indent };
    // Writing to memory doesn't fail.
    drop(write!(out, "{indent}{:width$}{mark} ", at + 1));
}

fn takes_lines(reply: &Reply) -> bool {
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => match &items[..] {
            [] => false,
            [only] => takes_lines(only),
            _ => true,
        },
        Reply::Map(pairs) => match &pairs[..] {
            [] => false,
            [(_, only)] => takes_lines(only),
            _ => true,
        },
        _ => false,
    }
}

/// What client-side caching tells to forget, in one line; `None` for other messages.
pub fn invalidation(items: &[Reply]) -> Option<Vec<u8>> {
    let [Reply::Bulk(kind), Reply::Array(keys)] = items else { return None };
    if !kind.starts_with(b"invalidate") {
        return None;
    }
    let keys = keys.iter().filter_map(Reply::text).map(|key| [b"'", key, b"'"].concat());
    let keys = keys.collect::<Vec<_>>().join(&b", "[..]);
    Some([b"-> invalidate: ", &keys[..], b"\n"].concat())
}
