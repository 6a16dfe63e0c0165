//! Tests of the request parser: by example, against another parser, and against itself in pieces.

use proptest::prelude::*;
use redis_protocol::resp2::{
    decode::decode_bytes,
    types::{BytesFrame, Resp2Frame},
};

use super::super::batch::KEPT_ARGS;
use super::*;

type Args = Vec<Vec<u8>>;

/// Feeds `input` in pieces of these lengths (the last one again and again) as a connection does;
/// gives the requests and the error.
fn feed(input: &[u8], pieces: &[usize], limits: &Limits, max: usize) -> (Vec<Args>, Option<ProtocolError>) {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let (mut buf, mut read, mut requests) = (Vec::new(), 0, Vec::new());
    let mut lengths = pieces.iter().copied();
    let mut piece = usize::MAX;
    loop {
        batch.clear();
        let progress = parser.parse(&buf, limits, &mut batch, max);
        for i in 0..batch.len() {
            requests.push((0..batch.args(i).len()).map(|j| batch.arg(i, j, &buf).to_vec()).collect());
        }
        if progress.error.is_some() {
            return (requests, progress.error);
        }
        buf.drain(..progress.consumed);
        if !progress.more {
            if read == input.len() {
                return (requests, None);
            }
            piece = lengths.next().unwrap_or(piece).max(1);
            let next = &input[read..][..piece.min(input.len() - read)];
            buf.extend_from_slice(next);
            read += next.len();
        }
    }
}

fn parse(input: &[u8]) -> (Vec<Args>, Option<ProtocolError>) {
    feed(input, &[], &Limits::default(), 64)
}

fn error_of(input: &[u8]) -> Option<ProtocolError> {
    let (requests, error) = parse(input);
    assert!(requests.is_empty());
    error
}

fn encode(args: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn words(line: &str) -> Args {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn skips_what_is_empty_and_mixes_both_forms() {
    let input = b"\r\n\n  \r\n*0\r\n*-1\r\n*-7\r\nPING\r\n*1\r\n$4\r\nPING\r\nset k \"a b\"\n*2\r\n$0\r\n\r\n$1\r\nx\r\n";
    let expected = vec![
        words("PING"),
        words("PING"),
        vec![b"set".to_vec(), b"k".to_vec(), b"a b".to_vec()],
        vec![vec![], b"x".to_vec()],
    ];
    assert_eq!(parse(input), (expected.clone(), None));
    assert_eq!(feed(input, &[1], &Limits::default(), 1), (expected, None));
}

#[test]
fn requests_before_an_error_survive_it() {
    let (requests, error) = parse(b"*1\r\n$4\r\nPING\r\nGET k\r\n*2\r\n$3\r\nGET\r\nk\r\n");
    assert_eq!(requests, [words("PING"), words("GET k")]);
    assert_eq!(error, Some(ProtocolError::ExpectedBulk(b'k')));
}

#[test]
fn refuses_what_redis_refuses() {
    use ProtocolError::*;
    let long = |start: &[u8]| [start, &[b'1'; 64 * 1024][..]].concat();
    for (input, expected) in [
        (b"*\r\n".to_vec(), InvalidMultibulkLength),
        (b"*+1\r\n".to_vec(), InvalidMultibulkLength),
        (b"*01\r\n".to_vec(), InvalidMultibulkLength),
        (b"*1 \r\n".to_vec(), InvalidMultibulkLength),
        (b"*2147483648\r\n".to_vec(), InvalidMultibulkLength),
        (b"*99999999999999999999999\r\n".to_vec(), InvalidMultibulkLength),
        (b"*1\r\n$-1\r\n".to_vec(), InvalidBulkLength),
        (b"*1\r\n$\r\n".to_vec(), InvalidBulkLength),
        (b"*1\r\n$blabla\r\n".to_vec(), InvalidBulkLength),
        (b"*1\r\n$00\r\n".to_vec(), InvalidBulkLength),
        (b"*1\r\n$536870913\r\n".to_vec(), InvalidBulkLength),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n".to_vec(), ExpectedBulk(b'f')),
        (b"*1\r\n\r\n".to_vec(), ExpectedBulk(b'\r')),
        (b"get \"k\r\n".to_vec(), UnbalancedQuotes),
        (long(b"*"), MultibulkLineTooLong),
        (long(b"*1\r\n$"), BulkLineTooLong),
        (long(b"x"), InlineTooLong),
    ] {
        assert_eq!(error_of(&input), Some(expected), "{}", input[..20.min(input.len())].escape_ascii());
    }
    for input in [&b"*1"[..], b"*1\r", b"*2147483647\r\n", b"*1\r\n$536870912\r\n", b"*1\r\nx", b"\0", b"x\r"]
    {
        assert_eq!(error_of(input), None, "{}", input.escape_ascii());
    }
}

#[test]
fn says_errors_as_redis_does() {
    for (error, text) in [
        (ProtocolError::ExpectedBulk(b'x'), &b"ERR Protocol error: expected '$', got 'x'"[..]),
        (ProtocolError::ExpectedBulk(0xff), b"ERR Protocol error: expected '$', got '\xff'"),
        (ProtocolError::ExpectedBulk(0), b"ERR Protocol error: expected '$', got '"),
        (ProtocolError::UnbalancedQuotes, b"ERR Protocol error: unbalanced quotes in request"),
    ] {
        assert_eq!(&*error.text(), text);
    }
}

#[test]
fn little_is_let_in_before_authentication() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    let eleven = encode(&vec![b"x".to_vec(); 11]);
    assert_eq!(feed(&eleven, &[], &limits, 64).1, Some(ProtocolError::UnauthenticatedMultibulk));
    let fat = encode(&[vec![b'x'; 16385]]);
    assert_eq!(feed(&fat, &[], &limits, 64).1, Some(ProtocolError::UnauthenticatedBulk));
    let fitting = vec![vec![b'x'; 16384]; 10];
    assert_eq!(feed(&encode(&fitting), &[], &limits, 64), (vec![fitting], None));
    // AUTH may lift the limits for the request behind it.
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let progress = parser.parse(b"AUTH x\r\nPING\r\n", &limits, &mut batch, 64);
    assert_eq!((progress.consumed, progress.more, batch.len()), (8, true, 1));
}

#[test]
fn what_ends_a_line_or_an_argument_counts_as_two_bytes() {
    let (requests, error) = parse(b"*1\r_$4\r_PING__*1\r\n$1\r\nx\r\n");
    assert_eq!((requests, error), (vec![words("PING"), words("x")], None));
}

#[test]
fn stops_at_the_wanted_number_and_tells_what_is_missing() {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let input = b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$100\r\nabc";
    let progress = parser.parse(input, &Limits::default(), &mut batch, 1);
    assert_eq!(progress, Progress { consumed: 14, more: true, need: 0, error: None });
    batch.clear();
    let progress = parser.parse(&input[14..], &Limits::default(), &mut batch, 64);
    assert_eq!(progress, Progress { consumed: 14, more: false, need: 99, error: None });
    let mut rest = input[28..].to_vec();
    rest.extend_from_slice(&[b'x'; 99]);
    batch.clear();
    let progress = parser.parse(&rest, &Limits::default(), &mut batch, 64);
    assert_eq!((progress.consumed, progress.need, batch.arg(0, 1, &rest).len()), (rest.len(), 0, 100));
}

#[test]
fn a_giant_request_leaves_no_memory_behind() {
    let args = vec![b"x".to_vec(); 100_000];
    let input = encode(&args);
    assert_eq!(feed(&input, &[16 * 1024], &Limits::default(), 64), (vec![args], None));
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    parser.parse(&input, &Limits::default(), &mut batch, 64);
    batch.clear();
    assert!(batch.args.capacity() <= KEPT_ARGS);
    assert_eq!(parser.args.capacity(), 0);
}

#[test]
fn a_declared_size_allocates_nothing() {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    parser.parse(b"*2147483647\r\n$536870912\r\n", &Limits::default(), &mut batch, 64);
    assert_eq!((parser.args.capacity(), batch.args.capacity()), (0, 0));
}

/// The requests that another implementation finds, until it meets the end.
fn reference(input: &[u8]) -> Vec<Args> {
    let mut rest = bytes::Bytes::copy_from_slice(input);
    let mut requests = Vec::new();
    while let Some((frame, used)) = decode_bytes(&rest).expect("valid frames") {
        let BytesFrame::Array(frames) = frame else { panic!("requests are arrays") };
        let args = frames.iter().map(|arg| arg.as_bytes().expect("arguments are bulks").to_vec());
        requests.push(args.collect());
        rest = rest.slice(used..);
    }
    requests
}

/// Bytes that look like a request more often than chance would have it.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"*".to_vec()),
        Just(b"$".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"'".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"*1\r\n$1\r\nx\r\n".to_vec()),
        (-2i64..30).prop_map(|n| n.to_string().into_bytes()),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(token, 0..30).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_another_parser_at_every_split(
        requests in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5), 1..6),
        max in 1usize..8,
    ) {
        let input = requests.iter().map(|args| encode(args)).collect::<Vec<_>>().concat();
        prop_assert_eq!(&reference(&input), &requests);
        for split in 0..=input.len() {
            let found = feed(&input, &[split, input.len()], &Limits::default(), max);
            prop_assert_eq!(&found, &(requests.clone(), None), "split at {}", split);
            prop_assert_eq!(feed(&input[..split], &[], &Limits::default(), max).0, reference(&input[..split]));
        }
    }

    #[test]
    fn pieces_change_nothing(
        input in hostile(),
        pieces in prop::collection::vec(1usize..12, 1..40),
        authenticated: bool,
        max in 1usize..5,
    ) {
        let limits = Limits { authenticated, inline_max: 40, ..Limits::default() };
        let whole = feed(&input, &[], &Limits { inline_max: 1 << 20, ..limits }, 64);
        let cut = feed(&input, &pieces, &Limits { inline_max: 1 << 20, ..limits }, max);
        prop_assert_eq!(whole, cut);
        feed(&input, &pieces, &limits, max);
    }

    #[test]
    fn random_bytes_are_survived(input in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
        let whole = parse(&input);
        prop_assert_eq!(feed(&input, &[piece], &Limits::default(), 3), whole);
    }
}

#[test]
fn short_numbers_are_of_one_to_eight_digits() {
    for number in [0, 1, 9, 10, 99, 100, 999, 1000, 12_345, 1_234_567, 99_999_999] {
        let line = format!("..${number}\r\n..");
        assert_eq!(short_number(line.as_bytes(), 2, b'$'), Some((number, line.len() - 2)), "{line}");
    }
    for line in [
        "$100000000\r\n.",
        "$01\r\n..",
        "$00\r\n..",
        "$1x\r\n..",
        "$1234\rx..",
        "$12345",
        "*1\r\n..",
        "$-1\r\n.",
        "$\r\n....",
    ] {
        assert_eq!(short_number(line.as_bytes(), 0, b'$'), None, "{line}");
    }
}
