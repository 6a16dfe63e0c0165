//! JSON to Lua values, with the errors of the library that Redis has.

use mlua::{Lua, MultiValue, Result, Table, Value};

use super::{DEPTH_MAX, Shared};
use crate::script::arguments::Arguments;
use crate::script::raise::fail;

/// `cjson.decode(text)`.
pub fn decode(lua: &Lua, config: &Shared, args: MultiValue) -> Result<Value> {
    let args = Arguments::new(lua, "decode", args);
    if args.len() != 1 {
        return Err(args.bad(1, "expected 1 argument"));
    }
    let text = args.string(1)?;
    let text = text.as_bytes();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(fail(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let config = *config.lock();
    let depth_max = config.decode_depth.min(DEPTH_MAX);
    let mut parser = Parser { lua, text: &text, at: 0, depth: 0, depth_max, lenient: config.decode_invalid };
    let token = parser.next();
    let value = parser.value(token)?;
    match parser.next() {
        (Token::End, _) => Ok(value),
        token => Err(parser.unexpected("the end", &token)),
    }
}

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
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
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    depth: i64,
    depth_max: i64,
    /// Whether numbers may be infinite, hexadecimal, not numbers.
    lenient: bool,
}

impl Parser<'_> {
    /// The byte at a place; zero at the end, as in a C string.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn unexpected(&self, wanted: &str, (token, at): &Placed) -> mlua::Error {
        fail(self.lua, format!("Expected {wanted} but found {} at character {}", token.name(), at + 1))
    }

    fn value(&mut self, token: Placed) -> Result<Value> {
        Ok(match token.0 {
            Token::String(text) => Value::String(self.lua.create_string(text)?),
            Token::Number(value) => Value::Number(value),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::NULL,
            Token::ObjectBegin => Value::Table(self.object()?),
            Token::ArrayBegin => Value::Table(self.array()?),
            _ => return Err(self.unexpected("value", &token)),
        })
    }

    fn descend(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth <= self.depth_max {
            return Ok(());
        }
        let text = format!("Found too many nested data structures ({}) at character {}", self.depth, self.at);
        Err(fail(self.lua, text))
    }

    fn object(&mut self) -> Result<Table> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if let Token::ObjectEnd = token.0 {
            self.depth -= 1;
            return Ok(table);
        }
        loop {
            let Token::String(key) = token.0 else {
                return Err(self.unexpected("object key string", &token));
            };
            match self.next() {
                (Token::Colon, _) => {}
                token => return Err(self.unexpected("colon", &token)),
            }
            let value = self.next();
            let value = self.value(value)?;
            table.raw_set(self.lua.create_string(key)?, value)?;
            match self.next() {
                (Token::ObjectEnd, _) => break,
                (Token::Comma, _) => token = self.next(),
                token => return Err(self.unexpected("comma or object end", &token)),
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    fn array(&mut self) -> Result<Table> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if let Token::ArrayEnd = token.0 {
            self.depth -= 1;
            return Ok(table);
        }
        for at in 1.. {
            let value = self.value(token)?;
            table.raw_seti(at, value)?;
            match self.next() {
                (Token::ArrayEnd, _) => break,
                (Token::Comma, _) => token = self.next(),
                token => return Err(self.unexpected("comma or array end", &token)),
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    fn next(&mut self) -> Placed {
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
        let rest = &self.text[self.at..];
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
        let mut at = start + usize::from(matches!(self.byte(start), b'+' | b'-'));
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
            let mut value = 0.0;
            at += 2;
            while let Some(digit) = char::from(self.byte(at)).to_digit(16) {
                value = value * 16.0 + f64::from(digit);
                at += 1;
            }
            self.at = at;
            return Token::Number(sign * value);
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
        if self.byte(end) | 0x20 == b'e' {
            let signed = end + 1 + usize::from(matches!(self.byte(end + 1), b'+' | b'-'));
            let exponent = digits(signed);
            if exponent > signed {
                end = exponent;
            }
        }
        let text = std::str::from_utf8(&self.text[start..end]).unwrap_or_default();
        self.at = end;
        text.parse().map_or(Token::Error("invalid number"), Token::Number)
    }

    fn string(&mut self, start: usize) -> Placed {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let run =
                memchr::memchr3(b'"', b'\\', 0, &self.text[self.at..]).unwrap_or(self.text.len() - self.at);
            out.extend_from_slice(&self.text[self.at..self.at + run]);
            self.at += run;
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
                    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                    self.at += len;
                    continue;
                }
                _ => return (Token::Error("invalid escape code"), self.at),
            };
            out.push(plain);
            self.at += 2;
        }
        self.at += 1;
        (Token::String(out), start)
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
