//! JSON to Lua values, with the errors of the library that Redis has. Below mlua's safe layer, by the rules of
//! [`raw`](crate::script::raw).
#![allow(unsafe_code)]
#![deny(clippy::indexing_slicing)]

use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};

use super::{DEPTH_MAX, Options};
use crate::base::num::parse_f64_lenient;
use crate::script::push::push_text;
use crate::script::raise::complain;
use crate::script::raw::{fence, owned_by, slot_of};

/// `cjson.decode(text)`.
pub unsafe extern "C-unwind" fn decode(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter, with its slot.
    unsafe { decode_all(state) }
}

/// Nothing unwinds from here, see [`raw`](crate::script::raw).
unsafe extern "C" fn decode_all(state: *mut lua_State) -> c_int {
    // SAFETY: as for `decode`. The text is an argument, so it stays; no Lua code runs meanwhile.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            return ffi::luaL_argerror(state, 1, c"expected 1 argument".as_ptr());
        }
        let mut len = 0;
        let text = ffi::luaL_checklstring(state, 1, &mut len).cast::<u8>();
        let text = std::slice::from_raw_parts(text, len);
        if text.iter().take(2).any(|byte| *byte == 0) && len >= 2 {
            complain(state, format_args!("JSON parser does not support UTF-16 or UTF-32"));
        }
        let slot = slot_of(state);
        let config = *owned_by::<Options>(state).lock();
        let depth_max = config.decode_depth.min(DEPTH_MAX);
        let lenient = config.decode_invalid;
        let mut parser =
            Parser { state, text, at: 0, depth: 0, depth_max, lenient, unescaped: slot.scratch() };
        let token = parser.next();
        parser.value(&token);
        match parser.next() {
            (Token::End, _) => 1,
            token => parser.unexpected("the end", &token),
        }
    }
}

#[derive(Clone, Copy)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// It lies in the JSON, or where it was unescaped to; until the next one.
    String(*const [u8]),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(what) => what,
        }
    }
}

/// A token and where it begins.
type Placed = (Token, usize);

struct Parser<'a> {
    state: *mut lua_State,
    text: &'a [u8],
    at: usize,
    depth: i64,
    depth_max: i64,
    /// Whether numbers may be infinite, hexadecimal, not numbers.
    lenient: bool,
    /// The last string that had escapes, without them.
    unescaped: &'a mut Vec<u8>,
}

impl<'a> Parser<'a> {
    /// The byte at a place; zero at the end, as in a C string.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    unsafe fn unexpected(&self, wanted: &str, (token, at): &Placed) -> ! {
        let text = format_args!("Expected {wanted} but found {} at character {}", token.name(), at + 1);
        // SAFETY: as for `decode_all`.
        unsafe { complain(self.state, text) }
    }

    /// Pushes the value that begins with a token.
    unsafe fn value(&mut self, token: &Placed) {
        // SAFETY: as for `decode_all`; each level has room for four values. The string is copied before the next one
        // is read.
        unsafe {
            match &token.0 {
                Token::String(text) => push_text(self.state, &**text),
                Token::Number(value) => ffi::lua_pushnumber(self.state, *value),
                Token::Boolean(value) => ffi::lua_pushboolean(self.state, c_int::from(*value)),
                Token::Null => ffi::lua_pushlightuserdata(self.state, ptr::null_mut()),
                Token::ObjectBegin => self.object(),
                Token::ArrayBegin => self.array(),
                _ => self.unexpected("value", token),
            }
        }
    }

    unsafe fn descend(&mut self) {
        self.depth += 1;
        // SAFETY: as for `decode_all`.
        unsafe {
            if self.depth > self.depth_max || ffi::lua_checkstack(self.state, 4) == 0 {
                let (depth, at) = (self.depth, self.at);
                let text = format_args!("Found too many nested data structures ({depth}) at character {at}");
                complain(self.state, text);
            }
        }
    }

    unsafe fn object(&mut self) {
        let state = self.state;
        // SAFETY: as for `value`.
        unsafe {
            self.descend();
            ffi::lua_createtable(state, 0, 0);
            let mut token = self.next();
            while !matches!(token.0, Token::ObjectEnd) {
                let Token::String(key) = token.0 else { self.unexpected("object key string", &token) };
                push_text(state, &*key);
                match self.next() {
                    (Token::Colon, _) => {}
                    token => self.unexpected("colon", &token),
                }
                let value = self.next();
                self.value(&value);
                ffi::lua_rawset(state, -3);
                match self.next() {
                    (Token::ObjectEnd, _) => break,
                    (Token::Comma, _) => token = self.next(),
                    token => self.unexpected("comma or object end", &token),
                }
                if let Token::ObjectEnd = token.0 {
                    self.unexpected("object key string", &token);
                }
            }
        }
        self.depth -= 1;
    }

    unsafe fn array(&mut self) {
        let state = self.state;
        // SAFETY: as for `value`. Each element takes a byte of the text at least, so their numbers fit.
        unsafe {
            self.descend();
            ffi::lua_createtable(state, 0, 0);
            let mut token = self.next();
            if !matches!(token.0, Token::ArrayEnd) {
                for at in 1.. {
                    self.value(&token);
                    ffi::lua_rawseti_(state, -2, at);
                    match self.next() {
                        (Token::ArrayEnd, _) => break,
                        (Token::Comma, _) => token = self.next(),
                        token => self.unexpected("comma or array end", &token),
                    }
                }
            }
        }
        self.depth -= 1;
    }

    fn next(&mut self) -> Placed {
        let at = self.at;
        fence(|| self.token()).unwrap_or((Token::Error("internal error"), at))
    }

    fn token(&mut self) -> Placed {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let start = self.at;
        let single = match self.byte(start) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            0 => return (Token::End, start),
            b'"' => return self.string(start),
            b'-' | b'0'..=b'9' => {
                if !self.lenient && self.is_invalid_number() {
                    return (Token::Error("invalid number"), start);
                }
                return (self.number(), start);
            }
            b'f' | b'i' | b'I' | b'n' | b'N' | b't' | b'+' => return (self.word(), start),
            _ => return (Token::Error("invalid token"), start),
        };
        self.at += 1;
        (single, start)
    }

    fn word(&mut self) -> Token {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, token) in
            [("true", Token::Boolean(true)), ("false", Token::Boolean(false)), ("null", Token::Null)]
        {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        if self.lenient && self.is_invalid_number() {
            return self.number();
        }
        Token::Error("invalid token")
    }

    fn is_invalid_number(&self) -> bool {
        let mut at = self.at;
        if self.byte(at) == b'+' {
            return true;
        }
        if self.byte(at) == b'-' {
            at += 1;
        }
        if self.byte(at) == b'0' {
            let next = self.byte(at + 1);
            return next | 0x20 == b'x' || next.is_ascii_digit();
        }
        if self.byte(at) <= b'9' {
            return false;
        }
        let word = self.text.get(at..at + 3).unwrap_or_default();
        word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
    }

    /// Takes as much as C's `strtod` would.
    fn number(&mut self) -> Token {
        let start = self.at;
        let at = start + usize::from(matches!(self.byte(start), b'+' | b'-'));
        let negative = self.byte(start) == b'-';
        let sign = if negative { -1.0 } else { 1.0 };
        for (word, value) in [("infinity", f64::INFINITY), ("inf", f64::INFINITY), ("nan", f64::NAN)] {
            if self
                .text
                .get(at..at + word.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()))
            {
                self.at = at + word.len();
                return Token::Number(sign * value);
            }
        }
        if self.byte(at) == b'0' && self.byte(at + 1) | 0x20 == b'x' && self.byte(at + 2).is_ascii_hexdigit()
        {
            let hex = |mut at: usize| {
                while self.byte(at).is_ascii_hexdigit() {
                    at += 1;
                }
                at
            };
            let mut end = hex(at + 2);
            if self.byte(end) == b'.' {
                end = hex(end + 1);
            }
            return self.float(start, self.exponent(end, b'p'));
        }
        let digits = |mut at: usize| {
            while self.byte(at).is_ascii_digit() {
                at += 1;
            }
            at
        };
        let whole = digits(at);
        let mut end = whole;
        if self.byte(whole) == b'.' {
            let fraction = digits(whole + 1);
            if fraction > whole + 1 || whole > at {
                end = fraction;
            }
        }
        if end == at {
            return Token::Error("invalid number");
        }
        self.float(start, self.exponent(end, b'e'))
    }

    /// The end of the exponent that this letter begins, or `at` if there is none.
    fn exponent(&self, at: usize, letter: u8) -> usize {
        let signed = at + 1 + usize::from(matches!(self.byte(at + 1), b'+' | b'-'));
        let mut end = signed;
        while self.byte(end).is_ascii_digit() {
            end += 1;
        }
        if self.byte(at) | 0x20 == letter && end > signed { end } else { at }
    }

    /// Takes the number that ends there.
    fn float(&mut self, start: usize, end: usize) -> Token {
        let text = self.text.get(start..end).unwrap_or_default();
        self.at = end;
        parse_f64_lenient(text).map_or(Token::Error("invalid number"), |number| Token::Number(number.value))
    }

    /// Goes on to the next byte that ends a string or stands for another one; the bytes before it.
    fn run(&mut self) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = memchr::memchr3(b'"', b'\\', 0, rest).unwrap_or(rest.len());
        let run = rest.get(..end).unwrap_or_default();
        self.at += run.len();
        run
    }

    fn string(&mut self, start: usize) -> Placed {
        self.at += 1;
        let first = self.run();
        if self.byte(self.at) == b'"' {
            self.at += 1;
            return (Token::String(first), start);
        }
        self.unescaped.clear();
        self.unescaped.extend_from_slice(first);
        loop {
            match self.byte(self.at) {
                b'"' => break,
                0 => return (Token::Error("unexpected end of string"), self.at),
                _ => {}
            }
            let plain = match self.byte(self.at + 1) {
                same @ (b'"' | b'\\' | b'/') => same,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'f' => 12,
                b'r' => b'\r',
                b'u' => {
                    let Some((char, len)) = self.unicode_escape() else {
                        return (Token::Error("invalid unicode escape code"), self.at);
                    };
                    self.unescaped.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                    self.at += len;
                    let more = self.run();
                    self.unescaped.extend_from_slice(more);
                    continue;
                }
                _ => return (Token::Error("invalid escape code"), self.at),
            };
            self.unescaped.push(plain);
            self.at += 2;
            let more = self.run();
            self.unescaped.extend_from_slice(more);
        }
        self.at += 1;
        (Token::String(self.unescaped.as_slice()), start)
    }

    /// The character of `\uXXXX`, or of a pair of them, and how long that is.
    fn unicode_escape(&self) -> Option<(char, usize)> {
        let unit = |at: usize| {
            (0..4)
                .try_fold(0, |unit, digit| Some(unit * 16 + char::from(self.byte(at + digit)).to_digit(16)?))
        };
        let first = unit(self.at + 2)?;
        if !(0xD800..0xE000).contains(&first) {
            return Some((char::from_u32(first)?, 6));
        }
        if first & 0x400 != 0 || self.byte(self.at + 6) != b'\\' || self.byte(self.at + 7) != b'u' {
            return None;
        }
        let second = unit(self.at + 8)?;
        if !(0xDC00..0xE000).contains(&second) {
            return None;
        }
        Some((char::from_u32(0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF))?, 12))
    }
}
