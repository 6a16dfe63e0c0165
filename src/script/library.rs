//! A library's text: its first line, and how libraries are written into dumps.
//!
//! ```text
//! #!lua name=mylib          245 | length | code | 245 | length | code | ... | version (2 bytes) | CRC-64 (8)
//! ```

use crate::base::{crc::crc64, lzf};

/// What stands before each library of a dump, as in an RDB file.
const OPCODE: u8 = 245;
/// The same of releases before 7.0, whose format differs.
const OPCODE_OLD: u8 = 246;
/// The version that dumps carry: what Redis 7.4 writes.
const VERSION: u16 = 12;
/// Version and checksum at the end of a dump, in bytes.
const FOOTER: usize = 10;

/// What the first line of a library says.
#[derive(PartialEq, Eq, Debug)]
pub struct Metadata<'a> {
    /// The library's name.
    pub name: &'a [u8],
    /// The code after the first line, whose line end stays so that lines keep their numbers.
    pub body: &'a [u8],
}

/// Takes the first line off a library.
///
/// # Errors
/// The text without a code.
pub fn split(code: &[u8]) -> Result<Metadata<'_>, Vec<u8>> {
    let line = code.strip_prefix(b"#!").ok_or("Missing library metadata")?;
    let end = memchr::memchr(b'\n', line).ok_or("Invalid library metadata")?;
    let (line, body) = line.split_at(end);
    // The engine stands right behind the mark, or there is none.
    let mut parts = line.split(u8::is_ascii_whitespace);
    let engine = parts.next().unwrap_or_default();
    let mut name = None;
    for part in parts.filter(|part| !part.is_empty()) {
        match part.split_at_checked(5) {
            Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => {
                if name.replace(unquoted(value)).is_some() {
                    return Err(b"Invalid metadata value, name argument was given multiple times".to_vec());
                }
            }
            _ => return Err([b"Invalid metadata value given: ", part].concat()),
        }
    }
    let name = name.ok_or("Library name was not given")?;
    check_name(name)?;
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err([b"Engine '", engine, b"' not found"].concat());
    }
    Ok(Metadata { name, body })
}

/// A value without the quotes around it. Names need none, so nothing inside is escaped.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => value,
    }
}

/// Checks the name of a library or a function.
///
/// # Errors
/// The text without a code, if it isn't one.
pub fn check_name(name: &[u8]) -> Result<(), &'static str> {
    let good = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let what = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
    if good { Ok(()) } else { Err(what) }
}

/// Writes a dump.
pub fn dump<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut dump = Vec::new();
    for code in codes {
        dump.push(OPCODE);
        match code.len() {
            len @ 0..64 => dump.push(len as u8),
            len @ 64..16384 => dump.extend_from_slice(&(0x4000 | len as u16).to_be_bytes()),
            len => {
                dump.push(0x81);
                dump.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        dump.extend_from_slice(code);
    }
    dump.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64(0, &dump);
    dump.extend_from_slice(&sum.to_le_bytes());
    dump
}

/// Reads the codes of a dump.
///
/// # Errors
/// The text without a code.
pub fn codes(dump: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    const BROKEN: &str = "failed loading the given functions payload";
    let wrong = "DUMP payload version or checksum are wrong";
    let (mut rest, footer) = dump.len().checked_sub(FOOTER).map(|at| dump.split_at(at)).ok_or(wrong)?;
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let sum = crc64(0, &dump[..dump.len() - 8]).to_le_bytes();
    if version > VERSION || sum != footer[2..] {
        return Err(wrong);
    }
    let mut codes = Vec::new();
    while let Some((opcode, after)) = rest.split_first() {
        rest = after;
        match *opcode {
            OPCODE => codes.push(text(&mut rest).ok_or(BROKEN)?),
            OPCODE_OLD => return Err("Pre-GA function format not supported"),
            _ => return Err("given type is not a function"),
        }
    }
    Ok(codes)
}

/// A length, or the number of a special encoding.
enum Length {
    Bytes(usize),
    Special(u8),
}

fn length(rest: &mut &[u8]) -> Option<Length> {
    let first = *rest.split_off_first()?;
    let low = usize::from(first & 0x3f);
    Some(match (first >> 6, first) {
        (0, _) => Length::Bytes(low),
        (1, _) => Length::Bytes(low << 8 | usize::from(*rest.split_off_first()?)),
        (2, 0x80) => Length::Bytes(u32::from_be_bytes(rest.split_off(..4)?.try_into().ok()?) as usize),
        (2, 0x81) => {
            let len = u64::from_be_bytes(rest.split_off(..8)?.try_into().ok()?);
            Length::Bytes(usize::try_from(len).ok()?)
        }
        (3, _) => Length::Special(first & 0x3f),
        _ => return None,
    })
}

/// A text, which may be compressed. No number: no code is one.
fn text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    match length(rest)? {
        Length::Bytes(len) => Some(rest.split_off(..len)?.to_vec()),
        Length::Special(3) => {
            let (Length::Bytes(packed), Length::Bytes(len)) = (length(rest)?, length(rest)?) else {
                return None;
            };
            lzf::decompress(rest.split_off(..packed)?, len)
        }
        Length::Special(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Metadata, codes, crc64, dump, split};

    #[test]
    fn names_and_codes() {
        let good = Metadata { name: b"l_1", body: b"\nx" };
        assert_eq!(split(b"#!LUA  name=l_1\nx"), Ok(good));
        assert_eq!(split(b"#!lua name=\"l\"\n").map(|library| library.name), Ok(&b"l"[..]));
        let told = |code: &[u8]| String::from_utf8(split(code).expect_err("no library")).expect("text");
        assert_eq!(told(b"return 1"), "Missing library metadata");
        assert_eq!(told(b"#!lua name=a"), "Invalid library metadata");
        assert_eq!(told(b"#!lua\n"), "Library name was not given");
        assert_eq!(told(b"#!js name=a\n"), "Engine 'js' not found");
        assert_eq!(told(b"#! name=a\n"), "Engine '' not found");
        assert_eq!(
            told(b"#!lua name=a name=b\n"),
            "Invalid metadata value, name argument was given multiple times"
        );
        assert_eq!(told(b"#!lua name=a b=c\n"), "Invalid metadata value given: b=c");
        assert!(told(b"#!lua name=a-b\n").starts_with("Library names can only contain"));
    }

    #[test]
    fn dumps_are_read_back() {
        let texts: Vec<Vec<u8>> = [0, 1, 63, 64, 16383, 16384, 70_000].map(|len| vec![b'x'; len]).to_vec();
        let dumped = dump(texts.iter().map(Vec::as_slice));
        assert_eq!(codes(&dumped), Ok(texts));
        assert_eq!(codes(&dump(std::iter::empty())), Ok(Vec::new()));
    }

    #[test]
    fn garbage_is_refused() {
        let good = dump([&b"#!lua name=a\nredis.register_function('f', function() end)"[..]].into_iter());
        let signed = |mut body: Vec<u8>| {
            body.extend_from_slice(&12u16.to_le_bytes());
            let sum = crc64(0, &body);
            body.extend_from_slice(&sum.to_le_bytes());
            body
        };
        for at in 0..good.len() {
            assert!(codes(&good[..at]).is_err(), "cut at {at}");
            let mut broken = good.clone();
            broken[at] ^= 0x40;
            assert!(codes(&broken).is_err(), "broken at {at}");
            // Whatever a signed dump says, it is read to an end.
            broken.truncate(good.len() - 10);
            let _ = codes(&signed(broken));
        }
        assert_eq!(codes(&signed(vec![246, 0])), Err("Pre-GA function format not supported"));
        assert_eq!(codes(&signed(vec![0, 0])), Err("given type is not a function"));
        let huge = [&[245, 0x81][..], &[0xff; 8]].concat();
        assert_eq!(codes(&signed(huge)), Err("failed loading the given functions payload"));
        let bomb = [&[245, 0xc3, 1][..], &[0x81, 0, 0, 0xff, 0, 0, 0, 0, 0], &[0]].concat();
        assert_eq!(codes(&signed(bomb)), Err("failed loading the given functions payload"));
    }
}
