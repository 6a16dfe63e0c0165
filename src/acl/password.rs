//! Passwords as users keep them: their SHA-256.

use sha2::{Digest, Sha256};

/// The hash of a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Password([u8; 32]);

impl Password {
    /// The hash of a clear text.
    pub fn of(text: &[u8]) -> Password {
        Password(Sha256::digest(text).into())
    }

    /// Reads 64 hexadecimal digits in lower case.
    pub fn from_hex(hex: &[u8]) -> Option<Password> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        if hex.len() != 2 * hash.len() {
            return None;
        }
        for (to, pair) in hash.iter_mut().zip(hex.chunks_exact(2)) {
            *to = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Password(hash))
    }

    /// 64 hexadecimal digits in lower case.
    pub fn hex(&self) -> String {
        let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// Compares in a time that tells nothing of where the difference is.
    pub fn is(&self, other: &Password) -> bool {
        self.0.iter().zip(other.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Password;

    #[test]
    fn a_hash_reads_back_and_compares_all_bytes() {
        let hash = Password::of(b"passwd4");
        assert_eq!(hash.hex(), "34344e4d60c2b6d639b7bd22e18f2b0b91bc34bf0ac5f9952744435093cfb4e6");
        assert_eq!(Password::from_hex(hash.hex().as_bytes()), Some(hash));
        assert!(hash.is(&Password::of(b"passwd4")) && !hash.is(&Password::of(b"passwd5")));
        let mut last = hash;
        last.0[31] ^= 1;
        assert!(!hash.is(&last));
    }

    #[test]
    fn only_64_small_digits_are_a_hash() {
        let hex = Password::of(b"").hex();
        for wrong in [&hex[1..], &format!("{hex}0"), &hex.to_uppercase(), &format!("g{}", &hex[1..])] {
            assert_eq!(Password::from_hex(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
