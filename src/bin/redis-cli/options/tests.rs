//! Command lines and what they mean.

use super::*;

fn parse(line: &str) -> Result<Options, Stop> {
    let words = std::iter::once("redis-cli").chain(line.split_whitespace());
    let line: Vec<OsString> = words.map(|word| OsString::from(word.replace('_', " "))).collect();
    Options::parse(&line, false)
}

fn options(line: &str) -> Options {
    parse(line).unwrap_or_else(|stop| panic!("{line}: {stop:?}"))
}

fn words(options: &Options) -> Vec<String> {
    options.command.iter().map(|word| crate::text::lossy(word)).collect()
}

#[test]
fn defaults() {
    let options = options("");
    assert_eq!(options.network.target, Target::Tcp { host: "127.0.0.1".into(), port: 6379 });
    assert_eq!((options.db, options.repeat, options.protocol), (0, 1, Protocol::Unasked));
    assert_eq!(options.formatter.format, Format::Raw);
    assert!(matches!(options.mode, Mode::Command) && options.command.is_empty());
    let terminal = Options::parse(&["redis-cli".into()], true).expect("options");
    assert!(terminal.show_pushes && terminal.formatter.format == Format::Standard);
}

#[test]
fn the_command_begins_at_the_first_word() {
    let options = options("-p 7000 set -p --raw -h");
    assert_eq!(options.network.target, Target::Tcp { host: "127.0.0.1".into(), port: 7000 });
    assert_eq!(words(&options), ["set", "-p", "--raw", "-h"]);
    assert_eq!(words(&self::options("-n 3 lrange l 0 -1")), ["lrange", "l", "0", "-1"]);
}

#[test]
fn values_may_begin_with_a_dash() {
    let options = options("-r -1 -a -x --no-auth-warning --pattern -*");
    assert_eq!((options.repeat, options.password.as_deref()), (-1, Some(&b"-x"[..])));
    assert_eq!(options.scan.pattern.as_deref(), Some(&b"-*"[..]));
}

#[test]
fn the_last_of_several_counts() {
    assert_eq!(options("--json --raw get x").formatter.format, Format::Raw);
    assert_eq!(options("--json --raw get x").protocol, Protocol::Resp3IfPossible);
    assert_eq!(options("--raw --csv --no-raw --quoted-json").formatter.format, Format::QuotedJson);
    let host = |line: &str| match options(line).network.target {
        Target::Tcp { host, port } => format!("{host}:{port}"),
        Target::Unix(path) => path.display().to_string(),
    };
    assert_eq!(host("-h a -h b"), "b:6379");
    assert_eq!(host("-h a -p 1 -u redis://b:2"), "b:2");
    assert_eq!(host("-u redis://b:2 -h a"), "a:2");
    assert_eq!(host("-u rediss://b -s /s"), "/s");
}

#[test]
fn what_is_refused() {
    for (line, expected) in [
        ("--nonsense", "Unrecognized option or bad number of args for: '--nonsense'"),
        ("-X", "Unrecognized option or bad number of args for: '-X'"),
        ("-p", "Unrecognized option or bad number of args for: '-p'"),
        ("-- ping", "Unrecognized option or bad number of args for: '--'"),
        ("--cluster-yes", "Unrecognized option or bad number of args for: '--cluster-yes'"),
        ("-x -X tag", "Options -x and -X are mutually exclusive."),
        ("-2 -3", "Options -2 and -3 are mutually exclusive."),
        ("-4 -6", "Options -4 and -6 are mutually exclusive."),
        ("-c -s x", "Options -c and -s are mutually exclusive."),
        ("-p 70000", "Invalid server port."),
        ("-t -1", "Invalid connection timeout for -t."),
        ("-t x", "Invalid connection timeout for -t."),
        ("-u localhost", "Invalid URI scheme"),
        ("--memkeys-samples x", "--memkeys-samples conversion error."),
        ("--keystats-samples -4", "--keystats-samples value should be positive."),
        ("--cursor -4", "--cursor should be followed by a positive integer."),
        ("--quoted-pattern \"a", "Invalid quoted string specified for --quoted-pattern."),
        ("--rdb a --functions-rdb b", "Option --functions-rdb and --rdb are mutually exclusive."),
        ("--eval x --ldb", "The Lua debugger isn't part of this redis-cli."),
        ("--cluster info", "The cluster manager isn't part of this redis-cli."),
    ] {
        assert_eq!(parse(line).map(|_| ()), Err(Stop::Refused(expected.into())), "{line}");
    }
}

#[test]
fn what_is_told() {
    assert_eq!(parse("-v").map(|_| ()), Err(Stop::Told("redis-cli 7.4.1\n".into())));
    for line in ["--help", "-h"] {
        let Err(Stop::Told(text)) = parse(line) else { panic!("{line} gives no help") };
        assert!(text.starts_with("redis-cli 7.4.1\n\nUsage: redis-cli [OPTIONS] [cmd "), "{text}");
        assert!(text.contains("--latency-history") && !text.contains("test_hint"), "{text}");
    }
}

#[test]
fn modes() {
    assert!(matches!(options("--latency-history -i 2").mode, Mode::Latency { history: true }));
    assert!(matches!(options("--memkeys").mode, Mode::MemKeys { samples: None }));
    assert!(matches!(options("--memkeys-samples 0").mode, Mode::MemKeys { samples: Some(0) }));
    assert!(matches!(
        options("--keystats --cursor 18446744073709551615 --top 3").mode,
        Mode::KeyStats { samples: None, cursor: u64::MAX, top: 3 }
    ));
    assert!(matches!(options("--pipe --pipe-timeout 0").mode, Mode::Pipe { timeout: None }));
    let eval = options("--eval f.lua k , a");
    assert!(matches!(&eval.mode, Mode::Eval(file) if file.as_os_str() == "f.lua"));
    assert_eq!(words(&eval), ["k", ",", "a"]);
}
