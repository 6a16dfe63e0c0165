//! Grisu2: decimal digits of a double, nearly always the shortest that read back as the same number.
//!
//! Redis prints doubles with Grisu2, so we do too: about one double in a thousand has a shorter or a
//! nearer text than the one Grisu2 finds, and clients compare bytes.
//!
//! The idea (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers",
//! 2010): scale the number and the two ends of its rounding interval by a cached power of ten, so that
//! the binary point falls inside a 64-bit word; then cut digits off the upper end until what remains
//! lies within the interval, and last step the final digit down while that brings it nearer.

/// Digits of a positive finite double: `digits[..len]` (ASCII) times `10^exponent`.
pub(super) struct Digits {
    digits: [u8; 18],
    len: usize,
    /// Decimal exponent of the last digit.
    pub exponent: i32,
}

impl Digits {
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    fn push(&mut self, digit: u8) {
        self.digits[self.len] = b'0' + digit;
        self.len += 1;
    }

    /// Lowers the last digit while that moves the text towards the number.
    ///
    /// All four are on one scale: `gap` from the upper end to the digits so far, `unit` of the last
    /// digit, `wanted` from the upper end to the number, `width` of the interval.
    fn approach(&mut self, mut gap: u64, unit: u64, wanted: u64, width: u64) {
        while gap < wanted
            && width - gap >= unit
            && (gap + unit < wanted || wanted - gap > gap + unit - wanted)
        {
            self.digits[self.len - 1] -= 1;
            gap += unit;
        }
    }
}

/// Finds the digits of `value`, which must be positive and finite.
pub(super) fn digits(value: f64) -> Digits {
    let bits = value.to_bits();
    let fraction = bits & (HIDDEN - 1);
    let biased = (bits >> 52) as i32 & 0x7ff;
    let (mantissa, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | HIDDEN, biased - 1075) };

    // The number and the ends of its interval, normalized to the exponent of the upper end.
    let upper = 2 * mantissa + 1;
    let shift = upper.leading_zeros();
    let exponent = exponent - 1 - shift as i32;
    let (upper, number) = (upper << shift, (2 * mantissa) << shift);
    // Below a power of two the neighbour is half as far.
    let lower =
        if mantissa == HIDDEN { (4 * mantissa - 1) << (shift - 1) } else { (2 * mantissa - 1) << shift };

    let power = cached_power(exponent);
    let (number, upper, lower) = (power.scale(number), power.scale(upper) - 1, power.scale(lower) + 1);
    cut(number, upper, lower, (exponent + power.exponent + 64).unsigned_abs(), -power.decimal)
}

const HIDDEN: u64 = 1 << 52;

/// Cuts digits off `upper`, a fixed-point number with `point` bits after the binary point.
fn cut(number: u64, upper: u64, lower: u64, point: u32, exponent: i32) -> Digits {
    let mut out = Digits { digits: [0; 18], len: 0, exponent };
    let (wanted, width) = (upper - number, upper - lower);
    let mask = (1u64 << point) - 1;
    // The point leaves 32 bits or less before it, and at least the top bit is set.
    let (mut whole, mut part) = ((upper >> point) as u32, upper & mask);

    let places = whole.ilog10();
    let mut divisor = 10u32.pow(places);
    for place in (0..=places).rev() {
        out.push((whole / divisor) as u8);
        whole %= divisor;
        let gap = (u64::from(whole) << point) + part;
        if gap <= width {
            out.exponent += place as i32;
            out.approach(gap, u64::from(divisor) << point, wanted, width);
            return out;
        }
        divisor /= 10;
    }
    let (mut scale, mut width) = (1, width);
    loop {
        part *= 10;
        width *= 10;
        scale *= 10;
        out.exponent -= 1;
        out.push((part >> point) as u8);
        part &= mask;
        if part < width {
            out.approach(part, 1 << point, wanted * scale, width);
            return out;
        }
    }
}

/// `significand * 2^exponent`, which is `10^decimal` to 64 bits.
struct Power {
    significand: u64,
    exponent: i32,
    decimal: i32,
}

impl Power {
    /// The upper 64 bits of the product, rounded.
    fn scale(&self, value: u64) -> u64 {
        let product = u128::from(value) * u128::from(self.significand);
        ((product + (1 << 63)) >> 64) as u64
    }
}

/// The least cached power that brings a word of this binary exponent to one of -60 or more;
/// as the powers are 26 or 27 bits apart, the exponent is then -32 at most.
fn cached_power(exponent: i32) -> Power {
    // ceil(n * log10(2)), exact for every exponent a double can have.
    let least = -(((61 + exponent) * 78_913) >> 18);
    let index = (least - FIRST_POWER + STEP - 1) / STEP;
    let decimal = FIRST_POWER + index * STEP;
    // floor(decimal * log2(10)) - 63.
    let exponent = ((decimal * 217_706) >> 16) - 63;
    Power { significand: POWERS[index as usize], exponent, decimal }
}

const FIRST_POWER: i32 = -348;
const STEP: i32 = 8;

/// Significands of 10^-348, 10^-340 ... 10^340, each rounded to 64 bits with the top bit set.
#[rustfmt::skip]
static POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];
