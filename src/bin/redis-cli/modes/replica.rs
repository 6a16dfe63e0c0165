//! `--replica`, `--rdb` and `--functions-rdb`: this program as a replica.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use redstart::config::errors::os_text;

use crate::output;
use crate::session::{Failed, Payload, Session, follow_stream, start_sync};

/// Tells the server something about this replica. An old server may refuse: that is told, and is the result.
fn announce(session: &mut Session, name: &str, value: &str) -> Result<bool, Failed> {
    eprintln!("sending REPLCONF {name} {value}");
    let reply = session.call_once(&["REPLCONF", name, value])?;
    if let Some(error) = reply.error() {
        eprintln!("REPLCONF {name} error: {error}");
    }
    Ok(!reply.is_error())
}

/// Shows the commands that the primary carries out, until it hangs up.
///
/// # Errors
/// Always, at the end: the reason.
pub fn run(session: &mut Session) -> Result<(), Failed> {
    announce(session, "capa", "eof")?;
    announce(session, "rdb-filter-only", "")?;
    let connection = session.connection()?;
    connection.queue(&["SYNC"]);
    connection.flush()?;
    match follow_stream(connection)? {}
}

/// Writes a snapshot of the server into a file, or to standard output where that is `-`.
///
/// # Errors
/// The server refuses, the connection is lost, or the file can't be written.
pub fn fetch_rdb(session: &mut Session, file: &Path, functions_only: bool) -> Result<(), Failed> {
    announce(session, "capa", "eof")?;
    announce(session, "rdb-only", "1")?;
    if functions_only && !announce(session, "rdb-filter-only", "functions")? {
        return Err(Failed("Failed requesting functions only RDB from server, aborting".into()));
    }
    let connection = session.connection()?;
    let payload = start_sync(connection)?;
    let name = file.display();
    match &payload {
        Payload::Length(length) => eprintln!("SYNC sent to master, writing {length} bytes to '{name}'"),
        _ => eprintln!("SYNC sent to master, writing bytes of bulk transfer until EOF marker to '{name}'"),
    }
    let mut target = Target::open(file)?;
    let taken = payload.receive(connection, |bytes| target.write(bytes))?;
    match payload {
        Payload::Length(_) => eprintln!("Transfer finished with success."),
        _ => eprintln!("Transfer finished with success after {taken} bytes"),
    }
    target.finish().map_err(|why| Failed(format!("Fail to fsync '{name}': {}", os_text(&why))))
}

enum Target {
    Stdout,
    File(File),
}

impl Target {
    fn open(file: &Path) -> Result<Target, Failed> {
        if file.as_os_str() == "-" {
            return Ok(Target::Stdout);
        }
        let opened = File::create(file);
        opened
            .map(Target::File)
            .map_err(|why| Failed(format!("Error opening '{}': {}", file.display(), os_text(&why))))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        match self {
            Target::Stdout => output::write(bytes),
            Target::File(file) => file
                .write_all(bytes)
                .map_err(|why| Failed(format!("Error writing data to file: {}", os_text(&why))))?,
        }
        Ok(())
    }

    fn finish(&self) -> std::io::Result<()> {
        match self {
            Target::Stdout => Ok(()),
            Target::File(file) => file.sync_all(),
        }
    }
}
