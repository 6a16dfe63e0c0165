//! Glob patterns as KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET and ACL rules understand them.
//!
//! `*` any bytes, `?` one byte, `[a-z]` and `[^a-z]` one byte of a class, `\x` the byte `x`. Redis's corner
//! cases are part of the contract:
//!
//! - an empty text matches the empty pattern only, not even `*`;
//! - a class ends at the first `]` that is not escaped and not the end of a range, or with the pattern;
//!   so `[]a]` is the empty class and then `a]`, and `[a-]` has no end;
//! - the ends of a range may come in either order and compare as *signed* bytes;
//! - an escaped byte within a class is compared with its case even where case is ignored;
//! - a backslash at the very end stands for itself;
//! - with more than 1000 stars (adjacent ones count once) nothing matches.
//!
//! Each part between two stars has a fixed length, so its leftmost match is as good as any other: when
//! the matcher fails, it goes back to the last star only. That bounds the work by pattern times text.

/// Runs of stars after which Redis gives up; its matcher nests one call for each.
const MAX_STARS: usize = 1000;

/// Whether the whole `text` matches `pattern`. `ignore_case` is for ASCII letters.
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut rest, mut at) = (pattern, 0);
    // The pattern after the last star, and where in the text it was tried last.
    let mut retry: Option<(&[u8], usize)> = None;
    let mut stars = 0;
    loop {
        if at == text.len() {
            return rest.iter().all(|&byte| byte == b'*');
        }
        if let [b'*', ..] = rest {
            let run = rest.iter().take_while(|&&byte| byte == b'*').count();
            rest = &rest[run..];
            stars += 1;
            if rest.is_empty() {
                return true;
            }
            if stars > MAX_STARS {
                return false;
            }
            let Some(found) = first_candidate(rest, &text[at..], ignore_case) else { return false };
            at += found;
            retry = Some((rest, at));
        }
        match step(rest, text[at], ignore_case) {
            Some(next) => {
                rest = next;
                at += 1;
            }
            None => {
                let Some((pattern, tried)) = retry else { return false };
                let from = tried + 1;
                let Some(found) = first_candidate(pattern, &text[from..], ignore_case) else { return false };
                rest = pattern;
                at = from + found;
                retry = Some((pattern, at));
            }
        }
    }
}

/// Whether `pattern` is the plain `*`, which callers take for "everything", empty texts included.
pub fn is_everything(pattern: &[u8]) -> bool {
    pattern == b"*"
}

/// The first place in `text` where a `pattern` that doesn't begin with a star may begin to match.
#[inline]
fn first_candidate(pattern: &[u8], text: &[u8], ignore_case: bool) -> Option<usize> {
    match pattern[0] {
        b'?' | b'[' | b'\\' => (!text.is_empty()).then_some(0),
        _ if ignore_case => (!text.is_empty()).then_some(0),
        literal => memchr::memchr(literal, text),
    }
}

/// Matches one byte with the first element of `pattern`, which isn't a star; the rest of the pattern if it matches.
#[inline]
fn step(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<&[u8]> {
    let (literal, rest) = match *pattern {
        [] => return None,
        [b'?', ref rest @ ..] => return Some(rest),
        [b'[', ref class @ ..] => {
            let (matched, rest) = match_class(class, byte, ignore_case);
            return matched.then_some(rest);
        }
        [b'\\', literal, ref rest @ ..] => (literal, rest),
        [literal, ref rest @ ..] => (literal, rest),
    };
    let same = if ignore_case { literal.eq_ignore_ascii_case(&byte) } else { literal == byte };
    same.then_some(rest)
}

/// Matches one byte with a class, given after its `[`; also tells the pattern after the class.
fn match_class(class: &[u8], byte: u8, ignore_case: bool) -> (bool, &[u8]) {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let fold = |byte: u8| if ignore_case { byte.to_ascii_lowercase() } else { byte };
    let mut found = false;
    loop {
        let (hit, rest) = match *class {
            [] => return (found != negated, class),
            [b'\\', escaped, ref rest @ ..] => (escaped == byte, rest),
            [b']', ref rest @ ..] => return (found != negated, rest),
            [first, b'-', last, ref rest @ ..] => {
                let (low, high) = if first as i8 > last as i8 { (last, first) } else { (first, last) };
                // Folding comes after ordering, as in Redis: `[Z-a]` is empty if case is ignored.
                let range = fold(low) as i8..=fold(high) as i8;
                (range.contains(&(fold(byte) as i8)), rest)
            }
            [member, ref rest @ ..] => (fold(member) == fold(byte), rest),
        };
        found |= hit;
        class = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), false)
    }

    #[test]
    fn matches_as_redis_does() {
        for (pattern, text) in [
            ("", ""),
            ("*", "a"),
            ("a*", "a"),
            ("h?llo", "hallo"),
            ("h*llo", "heeeello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hbllo"),
            ("h[a-b]llo", "hbllo"),
            ("h[b-a]llo", "hallo"),
            ("[\\]]", "]"),
            ("[abc", "c"),
            ("[^", "x"),
            ("[a-]x", "x"),
            ("\\*", "*"),
            ("a\\", "a\\"),
            ("*a*b", "xaxbxab"),
            ("**a***", "a"),
        ] {
            assert!(check(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("*", ""),
            ("**", ""),
            ("", "a"),
            ("h?llo", "hllo"),
            ("h[^e]llo", "hello"),
            ("[", "["),
            ("[]a]", "a"),
            ("\\*", "x"),
            ("*a*b", "xaxbxa"),
            ("a", "A"),
        ] {
            assert!(!check(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn ignores_case_where_redis_does() {
        for (pattern, text, expected) in [
            ("Key*", "kEYs", true),
            ("[A-C]", "b", true),
            ("[Z-a]", "z", false),
            ("[Q]", "q", true),
            ("[\\Q]", "q", false),
            ("\\Q", "q", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), true), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn ranges_compare_signed_bytes() {
        assert!(matches(b"[\x01-\xff]", b"\0", false));
        assert!(!matches(b"[\x01-\xff]", b"a", false));
        assert!(matches(b"[\x80-\x90]", b"\x85", false));
    }

    #[test]
    fn gives_up_beyond_a_thousand_stars() {
        let text = "a".repeat(2000);
        assert!(check(&("*a".repeat(1000) + "*"), &text));
        assert!(!check(&"*a".repeat(1001), &text));
    }

    #[test]
    fn hostile_patterns_take_bounded_time() {
        let text = "a".repeat(3000);
        assert!(!check(&("a*".repeat(900) + "b"), &text));
        assert!(!check(&("*".to_owned() + &"a".repeat(1500) + "b"), &text));
        assert!(!check(&"[a-z]*".repeat(900).replace("*[", "*?["), "b"));
    }

    #[test]
    fn only_the_plain_star_is_everything() {
        assert!(is_everything(b"*") && !is_everything(b"**"));
    }

    /// Tries every length for every star.
    fn naive(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| naive(rest, &text[skip..], ignore_case)),
            (_, []) => false,
            (_, [byte, left @ ..]) => {
                step(pattern, *byte, ignore_case).is_some_and(|rest| naive(rest, left, ignore_case))
            }
        }
    }

    proptest! {
        #[test]
        fn going_back_to_the_last_star_is_enough(
            pattern in "[*?aAb\\[\\]^\\\\-]{0,10}",
            text in "[aAbB\\]^-]{1,10}",
            ignore_case: bool,
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text, ignore_case), naive(pattern, text, ignore_case));
        }
    }
}
