//! Replies as their bytes, for other programs.

use crate::wire::Reply;

/// Appends a reply; between items stands the delimiter, and an error ends its line.
pub fn write(reply: &Reply, delimiter: &[u8], out: &mut Vec<u8>) {
    match reply {
        Reply::Nil => {}
        Reply::Error(text) => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        Reply::Status(text)
        | Reply::Bulk(text)
        | Reply::Verbatim(text)
        | Reply::Double(text)
        | Reply::BigNumber(text) => out.extend_from_slice(text),
        Reply::Boolean(yes) => out.extend_from_slice(if *yes { b"(true)" } else { b"(false)" }),
        Reply::Integer(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(delimiter);
                }
                write(item, delimiter, out);
            }
        }
        Reply::Map(pairs) => {
            for (at, (key, value)) in pairs.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(delimiter);
                }
                write(key, delimiter, out);
                out.push(b' ');
                write(value, delimiter, out);
            }
        }
    }
}
