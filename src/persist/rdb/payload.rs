//! DUMP payloads: one value with version and checksum behind it.

use super::error::{Error, Reason};
use super::sink::Sink;
use super::source::Source;
use super::{Limits, VERSION, value};
use crate::base::crc::crc64;
use crate::keyspace::Value;

/// Bytes of the version and the checksum.
const FOOTER: usize = 10;

/// Why a payload isn't taken.
#[derive(Debug)]
pub enum RestoreError {
    /// It is too short, from a version of the future, or its checksum is wrong.
    Footer,
    /// The value can't be read.
    Data(Error),
}

/// A value as DUMP gives it away, in the latest version as Redis does it; `compress` is `rdbcompression`.
pub fn dump(value: Value, compress: bool) -> Vec<u8> {
    let mut sink = Sink::new(Vec::new(), compress, false);
    let kind = value::kind(&value, VERSION);
    let written = sink.byte(kind as u8).and_then(|()| value::write(&mut sink, value, kind));
    let payload = written.and_then(|()| sink.put(&VERSION.to_le_bytes())).and_then(|()| sink.finish());
    let mut payload =
        payload.expect("writing to memory doesn't fail, and the latest version holds everything");
    let checksum = crc64(0, &payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// Reads a payload of [`dump`] or of Redis; `checksum` says whether its own has to be right.
///
/// # Errors
/// If it is damaged or has anything behind the value.
pub fn restore(payload: &[u8], limits: &Limits, checksum: bool) -> Result<Value, RestoreError> {
    let (body, footer) = payload.split_last_chunk::<FOOTER>().ok_or(RestoreError::Footer)?;
    let [low, high, stored @ ..] = *footer;
    let summed = &payload[..body.len() + 2];
    let is_wrong = || crc64(0, summed) != u64::from_le_bytes(stored);
    if u16::from_le_bytes([low, high]) > VERSION || checksum && is_wrong() {
        return Err(RestoreError::Footer);
    }
    read(body, limits).map_err(RestoreError::Data)
}

/// Reads a payload without its footer.
pub(super) fn read(body: &[u8], limits: &Limits) -> Result<Value, Error> {
    let mut source = Source::with_buffer(body, body.len());
    let type_code = source.byte()?;
    let value = value::read(&mut source, type_code, limits)?;
    if !source.is_exhausted()? {
        return Err(source.error(Reason::Damaged("there is something behind the value")));
    }
    Ok(value)
}
