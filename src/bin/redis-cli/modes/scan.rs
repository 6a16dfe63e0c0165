//! `--scan`, and walking through the keyspace for the modes that look at all keys.

use crate::format::Format;
use crate::interrupt::Stop;
use crate::output;
use crate::session::{Failed, Session};
use crate::text::{lossy, quote};
use crate::wire::Reply;

/// Where a walk through the keyspace is.
pub struct Walk {
    pub cursor: u64,
    pages: u64,
    begun: bool,
    pub stop: Stop,
}

impl Walk {
    /// From this cursor; Ctrl-C stops it.
    pub fn from(cursor: u64) -> Walk {
        Walk { cursor, pages: 0, begun: false, stop: Stop::at_interrupt() }
    }

    /// The keys of the next page; `None` after the last one.
    ///
    /// # Errors
    /// The server refuses, or the connection is lost.
    pub fn next_page(&mut self, session: &mut Session) -> Result<Option<Vec<Vec<u8>>>, Failed> {
        if self.begun && self.cursor == 0 || self.stop.is_set() {
            return Ok(None);
        }
        self.begun = true;
        self.pages += 1;
        let scan = &session.options.scan;
        let (cursor, count) = (self.cursor.to_string().into_bytes(), scan.count.to_string().into_bytes());
        let mut words = vec![b"SCAN".to_vec(), cursor];
        if let Some(pattern) = &scan.pattern {
            words.extend([b"MATCH".to_vec(), pattern.clone()]);
        }
        words.extend([b"COUNT".to_vec(), count]);
        let reply = session.call_once(&words)?;
        if let Some(error) = reply.error() {
            return Err(Failed(format!("SCAN error: {error}")));
        }
        let (cursor, keys) = page(reply)?;
        self.cursor = cursor;
        Ok(Some(keys))
    }

    /// Sleeps, if the options say so, after every hundred pages.
    pub fn rest(&self, session: &Session) {
        if !session.options.interval.is_zero() && self.pages.is_multiple_of(100) {
            self.stop.sleep(session.options.interval);
        }
    }
}

fn page(reply: Reply) -> Result<(u64, Vec<Vec<u8>>), Failed> {
    let Reply::Array(parts) = reply else {
        return Err(Failed("Non ARRAY response from SCAN!".into()));
    };
    let Ok([Reply::Bulk(cursor), Reply::Array(keys)]) = <[Reply; 2]>::try_from(parts) else {
        return Err(Failed("Invalid element count from SCAN!".into()));
    };
    let Some(cursor) = redstart::base::num::parse_u64(&cursor) else {
        return Err(Failed(format!("Invalid cursor from SCAN: {}", lossy(&cursor))));
    };
    let keys = keys.into_iter().filter_map(|key| match key {
        Reply::Bulk(key) => Some(key),
        _ => None,
    });
    Ok((cursor, keys.collect()))
}

/// Lists all keys.
///
/// # Errors
/// The server refuses, or the connection is lost.
pub fn run(session: &mut Session) -> Result<(), Failed> {
    let quotes = session.options.formatter.format == Format::Standard;
    let mut walk = Walk::from(0);
    while let Some(keys) = walk.next_page(session)? {
        let mut lines = Vec::new();
        for key in keys {
            lines.extend(if quotes { quote(&key) } else { key });
            lines.push(b'\n');
        }
        output::write(&lines);
        if !session.options.interval.is_zero() {
            walk.stop.sleep(session.options.interval);
        }
    }
    Ok(())
}
