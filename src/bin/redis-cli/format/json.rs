//! Replies as JSON.

use std::io::Write;

use crate::wire::Reply;

/// How a string becomes JSON, quotes included.
pub type Strings = fn(&[u8], &mut Vec<u8>);

/// Appends a reply. Errors are told as `error:"..."`, which is no JSON, as in Redis.
pub fn write(reply: &Reply, strings: Strings, out: &mut Vec<u8>) {
    match reply {
        Reply::Error(text) => {
            out.extend_from_slice(b"error:");
            strings(text, out);
        }
        Reply::Status(text) | Reply::Bulk(text) | Reply::Verbatim(text) => strings(text, out),
        Reply::Double(digits) | Reply::BigNumber(digits) => out.extend_from_slice(digits),
        Reply::Integer(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Reply::Nil => out.extend_from_slice(b"null"),
        Reply::Boolean(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, strings, out);
            }
            out.push(b']');
        }
        Reply::Map(pairs) => {
            out.push(b'{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_key(key, strings, out);
                out.push(b':');
                write(value, strings, out);
            }
            out.push(b'}');
        }
    }
}

/// JSON's keys are strings, RESP's may be anything.
fn write_key(key: &Reply, strings: Strings, out: &mut Vec<u8>) {
    if key.text().is_some() || key.is_error() {
        return write(key, strings, out);
    }
    out.push(b'"');
    write(key, strings, out);
    out.push(b'"');
}

/// A string whose other bytes stay as they are, UTF-8 or not.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            0x0c => out.extend(b"\\f"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x08 => out.extend(b"\\b"),
            // Writing to memory doesn't fail.
            0..=0x1f => drop(write!(out, "\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The text in quotes as a terminal would show it, and that as a JSON string.
pub fn escape_to_ascii(text: &[u8], out: &mut Vec<u8>) {
    for byte in crate::text::quote(text) {
        if byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
}
