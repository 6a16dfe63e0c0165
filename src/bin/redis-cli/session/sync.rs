//! What a replica does at first: SYNC, then a snapshot, then the commands that the primary carries out.

use std::convert::Infallible;
use std::time::Duration;

use super::Failed;
use crate::connection::Connection;
use crate::format::{Format, Formatter};
use crate::output;
use crate::text::lossy;
use crate::wire::Reply;

/// How long the mark is that stands behind a snapshot whose length isn't known beforehand.
const MARK: usize = 40;
/// How long a primary may take to notice that a snapshot has been sent.
const ACK_DELAY: Duration = Duration::from_secs(1);
/// No line ahead of a snapshot is longer.
const LONGEST_LINE: usize = 4096;

/// How a snapshot comes.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload {
    /// So many bytes.
    Length(u64),
    /// Bytes until this mark.
    UntilMark(Vec<u8>),
    /// None: the primary goes on from where this replica was.
    Partial,
}

impl Payload {
    fn parse(line: &[u8]) -> Result<Payload, Failed> {
        if line.starts_with(b"-") {
            return Err(Failed(format!("SYNC with master failed: {}", lossy(line))));
        }
        if let Some(mark) = line.strip_prefix(b"$EOF:").and_then(|mark| mark.get(..MARK)) {
            return Ok(Payload::UntilMark(mark.to_vec()));
        }
        let length = line.strip_prefix(b"$").and_then(redstart::base::num::parse_u64);
        length.map(Payload::Length).ok_or_else(|| {
            Failed(format!("SYNC with master failed: unexpected {}", crate::text::quoted(line)))
        })
    }

    /// Takes the snapshot from the connection and hands its bytes to `sink`. Returns how many there were.
    ///
    /// # Errors
    /// The connection is lost, or what `sink` says.
    pub fn receive(
        &self,
        connection: &mut Connection,
        mut sink: impl FnMut(&[u8]) -> Result<(), Failed>,
    ) -> Result<u64, Failed> {
        let lost = |_| Failed("I/O Error reading RDB payload from socket".into());
        let mut taken = 0;
        match self {
            Payload::Partial => {}
            Payload::Length(length) => {
                while taken < *length {
                    let bytes = connection.receive_raw().map_err(lost)?;
                    let wanted = usize::try_from(*length - taken).unwrap_or(usize::MAX).min(bytes.len());
                    sink(&bytes[..wanted])?;
                    connection.give_back(&bytes[wanted..]);
                    taken += wanted as u64;
                }
            }
            Payload::UntilMark(mark) => {
                // What may be the beginning of the mark is held back until more is known.
                let mut held = Vec::new();
                loop {
                    held.extend(connection.receive_raw().map_err(lost)?);
                    if let Some(at) = memchr::memmem::find(&held, mark) {
                        sink(&held[..at])?;
                        connection.give_back(&held[at + MARK..]);
                        return Ok(taken + at as u64);
                    }
                    let sure = held.len().saturating_sub(MARK - 1);
                    sink(&held[..sure])?;
                    held.drain(..sure);
                    taken += sure as u64;
                }
            }
        }
        Ok(taken)
    }
}

/// Sends SYNC and reads how the snapshot will come.
///
/// # Errors
/// The server refuses, or the connection is lost.
pub fn start_sync(connection: &mut Connection) -> Result<Payload, Failed> {
    connection.queue(&["SYNC"]);
    connection.flush().map_err(|_| Failed("Error writing to master".into()))?;
    read_answer(connection)
}

fn read_answer(connection: &mut Connection) -> Result<Payload, Failed> {
    let line = read_line(connection)?;
    if line.starts_with(b"+CONTINUE") || line.starts_with(b"+FULLRESYNC") {
        eprintln!("PSYNC replied {}", lossy(&line));
        if line.starts_with(b"+CONTINUE") {
            return Ok(Payload::Partial);
        }
        return Payload::parse(&read_line(connection)?);
    }
    Payload::parse(&line)
}

/// A line without its end. Empty ones only show that the primary is alive.
fn read_line(connection: &mut Connection) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    loop {
        while let Some(end) = memchr::memchr(b'\n', &bytes) {
            let rest = bytes.split_off(end + 1);
            let line = bytes.trim_ascii_end();
            if !line.is_empty() {
                connection.give_back(&rest);
                return Ok(line.to_vec());
            }
            bytes = rest;
        }
        if bytes.len() > LONGEST_LINE {
            return Err(Failed("Error reading bulk length while SYNCing".into()));
        }
        let more = connection.receive_raw();
        bytes.extend(more.map_err(|_| Failed("Error reading bulk length while SYNCing".into()))?);
    }
}

/// After SYNC or PSYNC was sent: leaves out the snapshot, then shows the primary's commands until it hangs up.
///
/// # Errors
/// Always, at the end: the reason.
pub fn follow_stream(connection: &mut Connection) -> Result<Infallible, Failed> {
    let payload = read_answer(connection)?;
    let kind = if payload == Payload::Partial { "Partial resync" } else { "Full resync" };
    match &payload {
        Payload::Partial => eprintln!("{kind} with master..."),
        Payload::Length(length) => {
            eprintln!("{kind} with master, discarding {length} bytes of bulk transfer...");
        }
        Payload::UntilMark(_) => {
            eprintln!("{kind} with master, discarding bytes of bulk transfer until EOF marker...");
        }
    }
    let taken = payload.receive(connection, |_| Ok(()))?;
    if matches!(payload, Payload::UntilMark(_)) {
        eprintln!("{kind} done after {taken} bytes. Logging commands from master.");
        // The primary sends nothing until the replica acknowledges, and listens to that only once it has taken note
        // of the end of the snapshot.
        std::thread::sleep(ACK_DELAY);
        eprintln!("sending REPLCONF ACK 0");
        connection.queue(&["REPLCONF", "ACK", "0"]);
        connection.flush()?;
    } else {
        eprintln!("{kind} done. Logging commands from master.");
    }
    show_commands(connection)
}

fn show_commands(connection: &mut Connection) -> Result<Infallible, Failed> {
    let formatter =
        Formatter { format: Format::Csv, item_delimiter: Vec::new(), reply_delimiter: Vec::new() };
    loop {
        let command: Reply = connection.receive()?;
        output::write(&formatter.render(&command));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_sync() {
        let parse = |line: &str| Payload::parse(line.as_bytes()).map_err(|Failed(why)| why);
        assert_eq!(parse("$123"), Ok(Payload::Length(123)));
        let mark = "0123456789".repeat(4);
        assert_eq!(parse(&format!("$EOF:{mark}")), Ok(Payload::UntilMark(mark.into_bytes())));
        assert_eq!(parse("-ERR no"), Err("SYNC with master failed: -ERR no".into()));
        assert!(parse("$EOF:short").is_err() && parse("+OK").is_err());
    }
}
