//! The two checksums of the Redis world: CRC-64 of RDB files and DUMP payloads, CRC-16 of cluster slots.

use crc::{CRC_16_XMODEM, CRC_64_REDIS, Crc, Table};

static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);
static CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// Hash slots of a cluster.
pub const SLOTS: u16 = 16384;

/// CRC-64 (Jones polynomial, as Redis has it) of bytes appended to those already summed up in `crc`; starts from 0.
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    // The register is kept reflected, so its start is given in the other bit order.
    let mut digest = CRC64.digest_with_initial(crc.reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

/// CRC-16 (XMODEM) of bytes.
pub fn crc16(bytes: &[u8]) -> u16 {
    CRC16.checksum(bytes)
}

/// The cluster slot of a key; keys with the same `{tag}` share one.
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS
}

/// What is between the first `{` and the next `}` if that isn't empty, else the whole key.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let tag = &key[open + 1..];
    match memchr::memchr(b'}', tag) {
        Some(close) if close > 0 => &tag[..close],
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn pieces_sum_up_to_the_whole() {
        let bytes: Vec<u8> = (0..1000u32).map(|n| (n * n % 251) as u8).collect();
        for cut in [0, 1, 7, 16, 500, 1000] {
            assert_eq!(crc64(crc64(0, &bytes[..cut]), &bytes[cut..]), crc64(0, &bytes));
        }
    }

    #[test]
    fn slots_follow_the_tag() {
        assert_eq!(key_slot(b"foo"), 12182);
        assert_eq!(key_slot(b"somekey"), 11058);
        assert_eq!(key_slot(b"foo{hash_tag}"), 2515);
        assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"{user1000}.followers"));
        for (key, tag) in
            [("foo{}{bar}", "foo{}{bar}"), ("foo{{bar}}", "{bar"), ("foo{bar}{zap}", "bar"), ("a{b", "a{b")]
        {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes());
        }
    }
}
