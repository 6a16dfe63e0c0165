//! Zipmaps, the packed form of hashes before version 4.
//!
//! ```text
//! count u8 | (length field | length free value unused...)... | 0xFF
//! length   u8 below 254 | 254 u32
//! ```
//!
//! `free` is the number of unused bytes behind the value. A count of 254 or more says nothing.

use super::ziplist::length;

const END: u8 = 0xFF;
/// A count that isn't known.
const MANY: u8 = 254;

/// Calls `visit` with each field and value in turn; none if the bytes are no zipmap, which may turn out late.
pub(super) fn walk(bytes: &[u8], mut visit: impl FnMut(&[u8])) -> Option<()> {
    let (&told, rest) = bytes.split_first()?;
    let (&END, mut rest) = rest.split_last()? else { return None };
    let mut count = 0usize;
    while !rest.is_empty() {
        let (len, after) = length(rest)?;
        let (field, after) = after.split_at_checked(len)?;
        let (len, after) = length(after)?;
        let (&free, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(len)?;
        visit(field);
        visit(value);
        rest = after.get(usize::from(free)..)?;
        count += 1;
    }
    (told >= MANY || usize::from(told) == count).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        walk(bytes, |string| found.push(string.to_vec())).map(|()| found)
    }

    #[test]
    fn fields_and_values() {
        let bytes = b"\x02\x03foo\x03\x00bar\x05hello\x02\x02hi..\xff";
        let wanted = ["foo", "bar", "hello", "hi"].map(|text| text.as_bytes().to_vec());
        assert_eq!(strings(bytes), Some(wanted.to_vec()));
        let long = [b"\xfe\xfe\x00\x01\x00\x00".as_slice(), &[b'x'; 256], b"\x01\x00y\xff"].concat();
        assert_eq!(strings(&long), Some(vec![vec![b'x'; 256], b"y".to_vec()]));
        assert_eq!(strings(b"\x00\xff"), Some(Vec::new()));
    }

    #[test]
    fn damage_is_noticed() {
        for bytes in [
            &b""[..],
            b"\x00",
            b"\xff",
            b"\x02\x03foo\x03\x00bar\xff",
            b"\x01\x03foo\xff",
            b"\x01\x03foo\x04\x00bar\xff",
            b"\x01\x03foo\x03\x01bar\xff",
            b"\x01\xfe\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(strings(bytes), None, "{bytes:?}");
        }
    }
}
