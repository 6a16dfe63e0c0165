//! Types and sizes of keys, a page of keys per round trip.

use super::tally::Tallies;
use crate::session::{Failed, Session};
use crate::text::lossy;
use crate::wire::Reply;

/// What the size of a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How many elements, or bytes of a string.
    Elements,
    /// Bytes of memory, from so many samples of the elements; `None` leaves that to the server.
    Memory { samples: Option<i64> },
}

/// How many keys the database has.
pub fn database_size(session: &mut Session) -> Result<u64, Failed> {
    let reply = session.call_once(&["DBSIZE"])?;
    if let Some(error) = reply.error() {
        return Err(Failed(format!("Couldn't determine DBSIZE: {error}")));
    }
    match reply {
        Reply::Integer(keys) => Ok(u64::try_from(keys).unwrap_or(0)),
        _ => Err(Failed("Non INTEGER response from DBSIZE!".into())),
    }
}

/// Lets a replica of a cluster answer. Servers outside of one refuse, which is as good.
pub fn read_from_replicas(session: &mut Session) -> Result<(), Failed> {
    let reply = session.call_once(&["READONLY"])?;
    match reply.error() {
        Some(error)
            if error != "ERR This instance has cluster support disabled"
                && !error.starts_with("ERR unknown command") =>
        {
            Err(Failed(format!("Error: {error}")))
        }
        _ => Ok(()),
    }
}

/// Sends a request for each and returns the replies.
fn pipeline(session: &mut Session, requests: &[Vec<&[u8]>]) -> Result<Vec<Reply>, Failed> {
    let connection = session.connection()?;
    for request in requests {
        connection.queue(request);
    }
    connection.flush()?;
    requests.iter().map(|_| Ok(connection.receive_in_band()?)).collect()
}

/// The places of the keys' types among the tallies; `None` for a key that is gone.
pub fn types(
    session: &mut Session,
    tallies: &mut Tallies,
    keys: &[Vec<u8>],
) -> Result<Vec<Option<usize>>, Failed> {
    let requests: Vec<_> = keys.iter().map(|key| vec![&b"TYPE"[..], key]).collect();
    let replies = pipeline(session, &requests)?;
    replies
        .iter()
        .zip(keys)
        .map(|(reply, key)| match (reply, reply.error()) {
            (Reply::Status(name), _) => Ok(tallies.place(&lossy(name))),
            (_, Some(error)) => Err(Failed(format!("TYPE returned an error: {error}"))),
            _ => Err(Failed(format!("Invalid reply type for TYPE on key '{}'!", lossy(key)))),
        })
        .collect()
}

/// The sizes of keys of these types; 0 for what can't be measured.
pub fn sizes(
    session: &mut Session,
    tallies: &Tallies,
    keys: &[Vec<u8>],
    places: &[Option<usize>],
    measure: Measure,
) -> Result<Vec<u64>, Failed> {
    let samples = match measure {
        Measure::Memory { samples: Some(samples) } => Some(samples.to_string()),
        _ => None,
    };
    let commands: Vec<Option<&str>> = places
        .iter()
        .map(|place| match measure {
            Measure::Memory { .. } => place.map(|_| "MEMORY USAGE"),
            Measure::Elements => Some(tallies.at((*place)?).unit?.command),
        })
        .collect();
    let mut requests: Vec<Vec<&[u8]>> = Vec::with_capacity(keys.len());
    for (key, command) in keys.iter().zip(&commands) {
        let Some(command) = command else { continue };
        let mut request: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        request.push(key);
        if let Some(samples) = &samples {
            request.extend([&b"SAMPLES"[..], samples.as_bytes()]);
        }
        requests.push(request);
    }
    let mut replies = pipeline(session, &requests)?.into_iter();
    let measured = keys.iter().zip(&commands).map(|(key, command)| {
        let Some(command) = command else { return 0 };
        if let Some(Reply::Integer(size)) = replies.next() {
            return u64::try_from(size).unwrap_or(0);
        }
        eprintln!("Warning:  {command} on '{}' failed (may have changed type)", lossy(key));
        0
    });
    Ok(measured.collect())
}

/// How often keys are used, by the server's logarithmic counter; 0 for a key that is gone.
pub fn frequencies(session: &mut Session, keys: &[Vec<u8>]) -> Result<Vec<u64>, Failed> {
    let requests: Vec<_> = keys.iter().map(|key| vec![&b"OBJECT"[..], b"FREQ", key]).collect();
    let replies = pipeline(session, &requests)?;
    replies
        .iter()
        .zip(keys)
        .map(|(reply, key)| match (reply, reply.error()) {
            (Reply::Integer(frequency), _) => Ok(u64::try_from(*frequency).unwrap_or(0)),
            (_, Some(error)) => Err(Failed(format!("Error: {error}"))),
            _ => {
                let key = crate::text::quoted(key);
                eprintln!("Warning: OBJECT freq on '{key}' failed (may have been deleted)");
                Ok(0)
            }
        })
        .collect()
}
