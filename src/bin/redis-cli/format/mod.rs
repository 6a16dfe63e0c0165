//! Replies as text, in the formats that the options choose among. Pure.

mod csv;
mod json;
mod raw;
mod tty;

use crate::wire::Reply;

/// How replies are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal: quoted, numbered, with types.
    Standard,
    /// The bytes and nothing else.
    Raw,
    Csv,
    Json,
    /// JSON of printable ASCII.
    QuotedJson,
}

/// Makes text of replies.
#[derive(Clone, Debug)]
pub struct Formatter {
    pub format: Format,
    /// Between the items of one reply, in the raw format.
    pub item_delimiter: Vec<u8>,
    /// After each reply, in the raw format.
    pub reply_delimiter: Vec<u8>,
}

impl Formatter {
    /// A reply with what ends it.
    pub fn render(&self, reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Standard => tty::write(reply, "", &mut out),
            Format::Raw => {
                self.write_raw(reply, &mut out);
                out.extend_from_slice(&self.reply_delimiter);
            }
            Format::Csv => {
                csv::write(reply, &mut out);
                out.push(b'\n');
            }
            Format::Json | Format::QuotedJson => {
                let strings = if self.format == Format::Json { json::escape } else { json::escape_to_ascii };
                json::write(reply, strings, &mut out);
                out.push(b'\n');
            }
        }
        out
    }

    /// A reply that is a text for people, such as that of INFO: it is the same in all formats.
    pub fn render_text(&self, reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_raw(reply, &mut out);
        out
    }

    /// A message that came unasked.
    pub fn render_push(&self, push: &Reply) -> Vec<u8> {
        match (self.format, push) {
            (Format::Standard, Reply::Push(items)) => {
                tty::invalidation(items).unwrap_or_else(|| self.render(push))
            }
            _ => self.render(push),
        }
    }

    fn write_raw(&self, reply: &Reply, out: &mut Vec<u8>) {
        raw::write(reply, &self.item_delimiter, out);
    }
}

#[cfg(test)]
pub mod tests;
