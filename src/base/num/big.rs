//! Natural numbers of any size, with just the arithmetic that exact decimal conversion needs.

use super::binary::Wide;

/// A natural number; 32-bit limbs, least significant first, the last one not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big {
    limbs: Vec<u32>,
}

impl Big {
    pub fn from_u64(value: u64) -> Self {
        let mut big = Big { limbs: vec![value as u32, (value >> 32) as u32] };
        big.trim();
        big
    }

    /// Reads ASCII digits; other bytes (a decimal point) are skipped.
    pub fn from_decimal(text: &[u8]) -> Self {
        let mut big = Big { limbs: Vec::with_capacity(text.len() / 9 + 1) };
        let (mut group, mut scale) = (0u32, 1u32);
        for digit in text.iter().filter(|byte| byte.is_ascii_digit()) {
            group = group * 10 + u32::from(digit - b'0');
            scale *= 10;
            if scale == GROUP {
                big.multiply_add(scale, group);
                (group, scale) = (0, 1);
            }
        }
        big.multiply_add(scale, group);
        big
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.limbs {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry != 0 {
            self.limbs.push(carry as u32);
        }
    }

    /// Multiplies by `5^power`.
    pub fn multiply_power_of_five(&mut self, mut power: u32) {
        const STEP: u32 = 13;
        while power > 0 {
            let step = power.min(STEP);
            self.multiply_add(5u32.pow(step), 0);
            power -= step;
        }
    }

    fn bit_length(&self) -> usize {
        match self.limbs.last() {
            Some(last) => self.limbs.len() * 32 - last.leading_zeros() as usize,
            None => 0,
        }
    }

    pub fn shift_left(&mut self, bits: usize) {
        let (limbs, bits) = (bits / 32, (bits % 32) as u32);
        if bits > 0 {
            let mut carry = 0u32;
            for limb in &mut self.limbs {
                let shifted = u64::from(*limb) << bits;
                *limb = shifted as u32 | carry;
                carry = (shifted >> 32) as u32;
            }
            if carry != 0 {
                self.limbs.push(carry);
            }
        }
        if !self.limbs.is_empty() {
            self.limbs.splice(..0, std::iter::repeat_n(0, limbs));
        }
    }

    fn at_least(&self, other: &Big) -> bool {
        match self.limbs.len().cmp(&other.limbs.len()) {
            std::cmp::Ordering::Equal => self.limbs.iter().rev().ge(other.limbs.iter().rev()),
            order => order.is_gt(),
        }
    }

    /// Subtracts a number that is not larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let (less, under) = limb.overflowing_sub(other.limbs.get(index).copied().unwrap_or(0));
            let (less, under_again) = less.overflowing_sub(u32::from(borrow));
            *limb = less;
            borrow = under || under_again;
        }
        self.trim();
    }

    /// Divides by 10^9 and returns the remainder.
    fn divide_group(&mut self) -> u32 {
        let mut rest = 0u64;
        for limb in self.limbs.iter_mut().rev() {
            rest = rest << 32 | u64::from(*limb);
            *limb = (rest / u64::from(GROUP)) as u32;
            rest %= u64::from(GROUP);
        }
        self.trim();
        rest as u32
    }

    /// The number times `2^exponent`, cut to its upper 128 bits.
    pub fn to_wide(&self, exponent: i64) -> Wide {
        let mut mantissa = 0u128;
        let upper = self.limbs.len().saturating_sub(4);
        for &limb in self.limbs[upper..].iter().rev() {
            mantissa = mantissa << 32 | u128::from(limb);
        }
        let sticky = self.limbs[..upper].iter().any(|&limb| limb != 0);
        Wide { mantissa, exponent: exponent + 32 * upper as i64, sticky }
    }

    /// `self / divisor * 2^exponent`, to 70 bits or more. Neither may be zero.
    pub fn divide_to_wide(mut self, mut divisor: Big, exponent: i64) -> Wide {
        const QUOTIENT_BITS: usize = 70;
        // Align the top bits; then each step of a shift and a subtraction gives one bit.
        let (own, other) = (self.bit_length(), divisor.bit_length());
        let shift = other as i64 - own as i64;
        if shift > 0 {
            self.shift_left(shift as usize);
        } else {
            divisor.shift_left(shift.unsigned_abs() as usize);
        }
        let mut mantissa = 0u128;
        for step in 0..=QUOTIENT_BITS {
            if step > 0 {
                self.shift_left(1);
            }
            mantissa <<= 1;
            if self.at_least(&divisor) {
                self.subtract(&divisor);
                mantissa |= 1;
            }
        }
        let exponent = exponent - shift - QUOTIENT_BITS as i64;
        Wide { mantissa, exponent, sticky: !self.limbs.is_empty() }
    }

    /// Appends the decimal digits.
    pub fn write_decimal(mut self, out: &mut Vec<u8>) {
        let mut groups = Vec::with_capacity(self.limbs.len() * 32 / 29 + 1);
        while !self.limbs.is_empty() {
            groups.push(self.divide_group());
        }
        let mut buffer = itoa::Buffer::new();
        let first = groups.pop().unwrap_or(0);
        out.extend_from_slice(buffer.format(first).as_bytes());
        for group in groups.into_iter().rev() {
            let digits = buffer.format(group).as_bytes();
            out.resize(out.len() + 9 - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
    }
}

/// Nine decimal digits are handled at a time.
const GROUP: u32 = 1_000_000_000;
