//! The checksum of RDB files and DUMP payloads: CRC-64.

use crc::{CRC_64_REDIS, Crc, Table};

static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// CRC-64 (Jones polynomial, as Redis has it) of bytes appended to those already summed up in `crc`; starts from 0.
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    // The register is kept reflected, so its start is given in the other bit order.
    let mut digest = CRC64.digest_with_initial(crc.reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn pieces_sum_up_to_the_whole() {
        let bytes: Vec<u8> = (0..1000u32).map(|n| (n * n % 251) as u8).collect();
        for cut in [0, 1, 7, 16, 500, 1000] {
            assert_eq!(crc64(crc64(0, &bytes[..cut]), &bytes[cut..]), crc64(0, &bytes));
        }
    }
}
