//! Replies in each format, against what Redis 7.4.1's redis-cli printed for the same bytes.

use super::*;
use crate::wire::Decoder;

const ALL: [Format; 5] = [Format::Standard, Format::Raw, Format::Csv, Format::Json, Format::QuotedJson];

/// The reply that these bytes are.
pub fn reply(bytes: &[u8]) -> Reply {
    let mut decoder = Decoder::default();
    decoder.feed(bytes);
    decoder.next_reply().expect("a reply").expect("a whole reply")
}

fn formatter(format: Format) -> Formatter {
    Formatter { format, item_delimiter: b"\n".to_vec(), reply_delimiter: b"\n".to_vec() }
}

#[track_caller]
fn check(bytes: &[u8], expected: [&str; 5]) {
    for (format, expected) in ALL.into_iter().zip(expected) {
        let shown = formatter(format).render(&reply(bytes));
        assert_eq!(String::from_utf8_lossy(&shown), expected, "{format:?}");
    }
}

#[test]
fn scalars() {
    let hello = "Hello World\n";
    let quoted = "\"Hello World\"\n";
    check(b"$11\r\nHello World\r\n", [quoted, hello, quoted, quoted, quoted]);
    check(b"+OK\r\n", ["OK\n", "OK\n", "\"OK\"\n", "\"OK\"\n", "\"OK\"\n"]);
    check(b":12345\r\n", ["(integer) 12345\n", "12345\n", "12345\n", "12345\n", "12345\n"]);
    check(b",3.141\r\n", ["(double) 3.141\n", "3.141\n", "3.141\n", "3.141\n", "3.141\n"]);
    check(b",1e+30\r\n", ["(double) 1e+30\n", "1e+30\n", "1e+30\n", "1e+30\n", "1e+30\n"]);
    check(b"_\r\n", ["(nil)\n", "\n", "NULL\n", "null\n", "null\n"]);
    check(b"#t\r\n", ["(true)\n", "(true)\n", "true\n", "true\n", "true\n"]);
    check(b"#f\r\n", ["(false)\n", "(false)\n", "false\n", "false\n", "false\n"]);
}

#[test]
fn errors_end_their_line() {
    check(
        b"-ERR no \"such\"\r\n",
        [
            "(error) ERR no \"such\"\n",
            "ERR no \"such\"\n\n",
            "ERROR,\"ERR no \\\"such\\\"\"\n",
            "error:\"ERR no \\\"such\\\"\"\n",
            "error:\"ERR no \\\\\"such\\\\\"\"\n",
        ],
    );
}

#[test]
fn verbatim_strings_are_shown_as_they_are() {
    check(
        b"=29\r\ntxt:This is a verbatim\nstring\r\n",
        [
            "This is a verbatim\nstring\n",
            "This is a verbatim\nstring\n",
            "\"This is a verbatim\\nstring\"\n",
            "\"This is a verbatim\\nstring\"\n",
            "\"This is a verbatim\\\\nstring\"\n",
        ],
    );
}

#[test]
fn bytes_that_need_escapes() {
    check(
        b"$11\r\n\x00\x1f\xf0e\t\r\n\x08\x0c\\\x7f\r\n",
        [
            "\"\\x00\\x1f\\xf0e\\t\\r\\n\\b\\x0c\\\\\\x7f\"\n",
            "\0\x1f\u{fffd}e\t\r\n\x08\x0c\\\x7f\n",
            "\"\\x00\\x1f\\xf0e\\t\\r\\n\\b\\x0c\\\\\\x7f\"\n",
            "\"\\u0000\\u001f\u{fffd}e\\t\\r\\n\\b\\f\\\\\x7f\"\n",
            "\"\\\\x00\\\\x1f\\\\xf0e\\\\t\\\\r\\\\n\\\\b\\\\x0c\\\\\\\\\\\\x7f\"\n",
        ],
    );
}

#[test]
fn collections() {
    check(
        b"*3\r\n:0\r\n:1\r\n:2\r\n",
        [
            "1) (integer) 0\n2) (integer) 1\n3) (integer) 2\n",
            "0\n1\n2\n",
            "0,1,2\n",
            "[0,1,2]\n",
            "[0,1,2]\n",
        ],
    );
    check(
        b"~2\r\n:0\r\n:1\r\n",
        ["1~ (integer) 0\n2~ (integer) 1\n", "0\n1\n", "0,1\n", "[0,1]\n", "[0,1]\n"],
    );
    check(
        b"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n",
        [
            "1# (integer) 0 => (false)\n2# (integer) 1 => (true)\n3# (integer) 2 => (false)\n",
            "0 (false)\n1 (true)\n2 (false)\n",
            "0,false,1,true,2,false\n",
            "{\"0\":false,\"1\":true,\"2\":false}\n",
            "{\"0\":false,\"1\":true,\"2\":false}\n",
        ],
    );
    check(b"*0\r\n", ["(empty array)\n", "\n", "\n", "[]\n", "[]\n"]);
    check(b"~0\r\n", ["(empty set)\n", "\n", "\n", "[]\n", "[]\n"]);
    check(b"%0\r\n", ["(empty hash)\n", "\n", "\n", "{}\n", "{}\n"]);
    check(b">0\r\n", ["(empty push)\n", "\n", "\n", "[]\n", "[]\n"]);
}

#[test]
fn numbers_are_as_wide_as_the_largest() {
    let items: String = (0..11).map(|i| format!(":{i}\r\n")).collect();
    let shown = formatter(Format::Standard).render(&reply(format!("*11\r\n{items}").as_bytes()));
    let shown = String::from_utf8(shown).expect("ASCII");
    assert!(shown.starts_with(" 1) (integer) 0\n 2) "), "{shown}");
    assert!(shown.ends_with("\n10) (integer) 9\n11) (integer) 10\n"), "{shown}");
}

#[test]
fn nested_replies_are_indented() {
    let xread2 = b"*1\r\n*2\r\n$2\r\nst\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n*2\r\n$3\r\n1-2\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    let expected = "1) 1) \"st\"\n   2) 1) 1) \"1-1\"\n         2) 1) \"f\"\n            2) \"v\"\n      2) 1) \"1-2\"\n         2) 1) \"f\"\n            2) \"v\"\n";
    assert_eq!(formatter(Format::Standard).render(&reply(xread2)), expected.as_bytes());
    let xread3 = [b"%1\r\n$2\r\nst\r\n", &xread2[16..]].concat();
    let expected = "1# \"st\" => \n   1) 1) \"1-1\"\n      2) 1) \"f\"\n         2) \"v\"\n   2) 1) \"1-2\"\n      2) 1) \"f\"\n         2) \"v\"\n";
    assert_eq!(formatter(Format::Standard).render(&reply(&xread3)), expected.as_bytes());
}

#[test]
fn values_that_take_one_line_follow_their_keys() {
    let specs =
        b"~1\r\n%2\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n";
    let expected =
        "1~ 1# \"flags\" => \n      1~ RO\n      2~ access\n   2# \"spec\" => 1# \"index\" => (integer) 1\n";
    assert_eq!(formatter(Format::Standard).render(&reply(specs)), expected.as_bytes());
}

#[test]
fn delimiters_of_the_raw_format() {
    let formatter =
        Formatter { format: Format::Raw, item_delimiter: b", ".to_vec(), reply_delimiter: b"".to_vec() };
    let nested = reply(b"*3\r\n:1\r\n*2\r\n$-1\r\n-ERR\r\n%1\r\n+a\r\n*2\r\n:2\r\n:3\r\n");
    assert_eq!(formatter.render(&nested), b"1, , ERR\n, a 2, 3");
}

#[test]
fn invalidations_take_one_line_on_a_terminal() {
    let push = reply(b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    assert_eq!(formatter(Format::Standard).render_push(&push), b"-> invalidate: 'a', 'b'\n");
    assert_eq!(formatter(Format::Raw).render_push(&push), b"invalidate\na\nb\n");
    let flushed = reply(b">2\r\n$10\r\ninvalidate\r\n_\r\n");
    assert_eq!(formatter(Format::Standard).render_push(&flushed), b"1) \"invalidate\"\n2) (nil)\n");
}

#[test]
fn texts_for_people_have_no_quotes_and_no_line_end() {
    assert_eq!(formatter(Format::Standard).render_text(&reply(b"$3\r\na\r\n\r\n")), b"a\r\n");
}
