//! Replies as a line of comma-separated values. What is nested is laid flat.

use redstart::base::words::quote_into;

use crate::wire::Reply;

/// Appends a reply.
pub fn write(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Error(text) => {
            out.extend_from_slice(b"ERROR,");
            quote_into(out, text);
        }
        Reply::Status(text) | Reply::Bulk(text) | Reply::Verbatim(text) => quote_into(out, text),
        Reply::Double(digits) | Reply::BigNumber(digits) => out.extend_from_slice(digits),
        Reply::Integer(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Reply::Nil => out.extend_from_slice(b"NULL"),
        Reply::Boolean(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => separated(items.iter(), out),
        Reply::Map(pairs) => separated(pairs.iter().flat_map(|(key, value)| [key, value]), out),
    }
}

fn separated<'a>(items: impl Iterator<Item = &'a Reply>, out: &mut Vec<u8>) {
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}
