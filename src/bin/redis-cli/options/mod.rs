//! What the command line and the environment ask for, in the terms of the rest of the program.
//!
//! Texts of refusals are those of Redis's redis-cli: scripts look for them.

mod args;
mod uri;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use self::args::Args;
use self::uri::Uri;
use crate::format::{Format, Formatter};
use crate::text::{leading_integer, unquote};

/// The version that is told: whose redis-cli this one is like.
pub const VERSION: &str = redstart::config::REDIS_VERSION;

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// What TLS needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    pub sni: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub ca_folder: Option<PathBuf>,
    /// Trust any certificate.
    pub insecure: bool,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Names of suites of TLS 1.2, separated by colons.
    pub ciphers: Option<String>,
    /// Names of suites of TLS 1.3, separated by colons.
    pub ciphersuites: Option<String>,
}

/// How to reach the server.
#[derive(Clone, Debug)]
pub struct Network {
    pub target: Target,
    pub timeout: Option<Duration>,
    /// Of a name with addresses of both kinds, take those of IPv6 first.
    pub ipv6_first: bool,
    pub tls: Option<TlsOptions>,
}

/// Which protocol to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// What the server begins with, which is RESP2.
    Unasked,
    Resp3,
    /// RESP3 if the server has it.
    Resp3IfPossible,
}

/// Which part of a command comes from standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromStdin {
    Nothing,
    LastArgument,
    /// The argument that equals this.
    Argument(Vec<u8>),
}

/// Which keys to look at, and how many at once.
#[derive(Clone, Debug)]
pub struct Scan {
    pub pattern: Option<Vec<u8>>,
    pub count: i64,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Mode {
    /// The command, or interactive without one.
    Command,
    Eval(PathBuf),
    Latency {
        history: bool,
    },
    LatencyDistribution {
        colors: bool,
    },
    IntrinsicLatency {
        seconds: i64,
    },
    LruTest {
        keys: i64,
    },
    Stat,
    Scan,
    BigKeys,
    /// `None` leaves the number of samples to the server.
    MemKeys {
        samples: Option<i64>,
    },
    KeyStats {
        samples: Option<i64>,
        cursor: u64,
        top: u64,
    },
    HotKeys,
    /// Seconds to wait for the last replies; none to wait for ever.
    Pipe {
        timeout: Option<Duration>,
    },
    Rdb {
        file: PathBuf,
        functions_only: bool,
    },
    Replica,
    Hint(Vec<u8>),
    HintSuite(PathBuf),
}

/// Everything that was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    pub network: Network,
    pub user: Option<Vec<u8>>,
    pub password: Option<Vec<u8>>,
    pub ask_password: bool,
    pub db: i64,
    pub protocol: Protocol,
    pub formatter: Formatter,
    pub show_pushes: bool,
    /// An error reply ends the program with 1.
    pub exit_on_error: bool,
    /// Negative for no end.
    pub repeat: i64,
    pub interval: Duration,
    pub follow_redirections: bool,
    pub stdin: FromStdin,
    pub quoted_input: bool,
    pub scan: Scan,
    pub verbose: bool,
    pub mode: Mode,
    pub command: Vec<Vec<u8>>,
}

/// Why there are no options to act on.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// A text that was asked for, for standard output.
    Told(String),
    /// What is wrong, for standard error.
    Refused(String),
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(why.into()))
}

impl Options {
    /// Reads a command line, with the program's name in front. `terminal` tells whether standard output is one.
    ///
    /// # Errors
    /// What to print in place of doing anything.
    pub fn parse(line: &[OsString], terminal: bool) -> Result<Options, Stop> {
        let matches = Args::command().try_get_matches_from(line).map_err(|error| explain(&error))?;
        let args = Args::from_arg_matches(&matches).map_err(|error| explain(&error))?;
        if has_end_of_options(line, &matches, &args) {
            return Err(unrecognized("--"));
        }
        if args.version {
            return Err(Stop::Told(format!("redis-cli {VERSION}\n")));
        }
        Reader { matches: &matches, terminal }.options(args)
    }
}

/// Puts clap's findings into the words that scripts know.
fn explain(error: &clap::Error) -> Stop {
    let culprit = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => text.split_whitespace().next().unwrap_or_default(),
        _ => "",
    };
    match error.kind() {
        ErrorKind::DisplayHelp => Stop::Told(error.to_string()),
        // As the last word, -h asks for help.
        ErrorKind::InvalidValue if culprit == "-h" => Stop::Told(Args::command().render_help().to_string()),
        _ => unrecognized(culprit),
    }
}

fn unrecognized(option: &str) -> Stop {
    Stop::Refused(format!("Unrecognized option or bad number of args for: '{option}'"))
}

/// Whether a `--` stands before the command: clap takes it, Redis's redis-cli doesn't.
fn has_end_of_options(line: &[OsString], matches: &ArgMatches, args: &Args) -> bool {
    let before = line.len().checked_sub(args.command.len() + 1).and_then(|at| line.get(at));
    let is_value = |id: &clap::Id| {
        matches.get_raw(id.as_str()).is_some_and(|mut values| values.any(|value| value == "--"))
    };
    before.is_some_and(|word| word == "--") && !matches.ids().any(is_value)
}

fn bytes(text: OsString) -> Vec<u8> {
    text.into_vec()
}

fn integer(text: Option<String>, default: i64) -> i64 {
    text.map_or(default, |text| leading_integer(text.as_bytes()))
}

/// What must be a whole number and nothing else.
fn strict<N: std::str::FromStr + PartialOrd + Default>(
    text: Option<String>,
    option: &str,
    negative: &str,
) -> Result<Option<N>, Stop> {
    let Some(text) = text else { return Ok(None) };
    let (minus, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, &text[..]),
    };
    match digits.parse::<N>() {
        Ok(number) if minus && number != N::default() => refuse(format!("{option} {negative}")),
        Ok(number) => Ok(Some(number)),
        Err(_) => refuse(format!("{option} conversion error.")),
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim_start().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

struct Reader<'a> {
    matches: &'a ArgMatches,
    terminal: bool,
}

impl Reader<'_> {
    fn options(&self, mut args: Args) -> Result<Options, Stop> {
        self.apply_uri(&mut args)?;
        let protocol = match (args.resp2, args.resp3, args.json || args.quoted_json) {
            (true, true, _) => return refuse("Options -2 and -3 are mutually exclusive."),
            (false, true, _) => Protocol::Resp3,
            (false, false, true) => Protocol::Resp3IfPossible,
            _ => Protocol::Unasked,
        };
        let network = network(&mut args)?;
        let mode = mode(&mut args)?;
        if args.password.is_some() && !args.no_auth_warning {
            eprintln!(
                "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe."
            );
        }
        let delimiter = |text: Option<OsString>| text.map_or_else(|| b"\n".to_vec(), bytes);
        Ok(Options {
            network,
            user: args.user.take().map(bytes),
            password: args.password.take().or_else(|| std::env::var_os("REDISCLI_AUTH")).map(bytes),
            ask_password: args.askpass,
            db: integer(args.db.take(), 0),
            protocol,
            formatter: Formatter {
                format: self.format(),
                item_delimiter: delimiter(args.item_delimiter.take()),
                reply_delimiter: delimiter(args.reply_delimiter.take()),
            },
            show_pushes: self.show_pushes(args.show_pushes.as_deref()),
            exit_on_error: args.error_code,
            repeat: integer(args.repeat.take(), 1),
            interval: args.interval.as_deref().and_then(seconds).unwrap_or_default(),
            follow_redirections: args.cluster,
            stdin: stdin(&mut args)?,
            quoted_input: args.quoted_input,
            scan: scan(&mut args)?,
            verbose: args.verbose,
            mode,
            command: std::mem::take(&mut args.command).into_iter().map(bytes).collect(),
        })
    }

    /// Where an option stands on the command line; the last place of several.
    fn place(&self, id: &str) -> Option<usize> {
        let given = self.matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
        self.matches.indices_of(id).filter(|_| given)?.max()
    }

    /// Puts the parts of a URI in place of the options that stand before it.
    fn apply_uri(&self, args: &mut Args) -> Result<(), Stop> {
        let Some(uri) = &args.uri else { return Ok(()) };
        let uri = Uri::parse(uri).or_else(refuse)?;
        args.tls |= uri.tls;
        let place = self.place("uri");
        let comes_later = |id: &str| self.place(id) > place;
        if let Some(host) = uri.host.filter(|_| !comes_later("host")) {
            args.host = Some(host);
        }
        if let Some(port) = uri.port.filter(|_| !comes_later("port")) {
            args.port = Some(port.to_string());
        }
        if let Some(user) = uri.user.filter(|_| !comes_later("user")) {
            args.user = Some(OsString::from_vec(user));
        }
        if let Some(password) = uri.password.filter(|_| !comes_later("password")) {
            args.password = Some(OsString::from_vec(password));
        }
        if let Some(db) = uri.db.filter(|_| !comes_later("db")) {
            args.db = Some(db.to_string());
        }
        Ok(())
    }

    /// Of several formats the last one counts.
    fn format(&self) -> Format {
        let default = if self.terminal { Format::Standard } else { Format::Raw };
        let formats = [
            ("raw", Format::Raw),
            ("no_raw", Format::Standard),
            ("csv", Format::Csv),
            ("json", Format::Json),
            ("quoted_json", Format::QuotedJson),
        ];
        let given = formats.into_iter().filter_map(|(id, format)| Some((self.place(id)?, format)));
        given.max_by_key(|(place, _)| *place).map_or(default, |(_, format)| format)
    }

    fn show_pushes(&self, choice: Option<&str>) -> bool {
        match choice.and_then(|choice| choice.bytes().next()) {
            Some(b'n' | b'N') => false,
            Some(b'y' | b'Y') => true,
            _ => {
                if let Some(choice) = choice {
                    eprintln!("Unknown --show-pushes value '{choice}' (valid: '[y]es', '[n]o')");
                }
                self.terminal
            }
        }
    }
}

fn network(args: &mut Args) -> Result<Network, Stop> {
    let port = integer(args.port.take(), 6379);
    let Ok(port) = u16::try_from(port) else { return refuse("Invalid server port.") };
    if args.socket.is_some() && args.cluster {
        return refuse("Options -c and -s are mutually exclusive.");
    }
    if args.ipv4 && args.ipv6 {
        return refuse("Options -4 and -6 are mutually exclusive.");
    }
    let timeout = match &args.timeout {
        Some(text) => match seconds(text) {
            Some(timeout) => Some(timeout).filter(|timeout| !timeout.is_zero()),
            None => return refuse("Invalid connection timeout for -t."),
        },
        None => None,
    };
    let host = args.host.take().unwrap_or_else(|| "127.0.0.1".into());
    let path = |file: &mut Option<OsString>| file.take().map(PathBuf::from);
    let tls = args.tls.then(|| TlsOptions {
        sni: args.sni.take(),
        ca_file: path(&mut args.cacert),
        ca_folder: path(&mut args.cacertdir),
        insecure: args.insecure,
        certificate: path(&mut args.cert),
        key: path(&mut args.key),
        ciphers: args.tls_ciphers.take(),
        ciphersuites: args.tls_ciphersuites.take(),
    });
    Ok(Network {
        target: match path(&mut args.socket) {
            Some(path) => Target::Unix(path),
            None => Target::Tcp { host, port },
        },
        timeout,
        ipv6_first: args.ipv6,
        tls,
    })
}

fn stdin(args: &mut Args) -> Result<FromStdin, Stop> {
    match (args.stdin_last, args.stdin_tag.take()) {
        (true, Some(_)) => refuse("Options -x and -X are mutually exclusive."),
        (true, None) => Ok(FromStdin::LastArgument),
        (false, Some(tag)) => Ok(FromStdin::Argument(bytes(tag))),
        (false, None) => Ok(FromStdin::Nothing),
    }
}

fn scan(args: &mut Args) -> Result<Scan, Stop> {
    let pattern = match args.quoted_pattern.as_deref().map(OsStr::as_bytes) {
        Some(quoted) => match unquote(quoted) {
            None => return refuse("Invalid quoted string specified for --quoted-pattern."),
            pattern => pattern,
        },
        None => args.pattern.take().map(bytes),
    };
    Ok(Scan { pattern, count: integer(args.count.take(), 10) })
}

/// Refuses what this program doesn't do, and what doesn't go together.
fn refuse_modes(args: &Args) -> Result<(), Stop> {
    if args.cluster_manager.is_some() {
        return refuse("The cluster manager isn't part of this redis-cli.");
    }
    if args.ldb || args.ldb_sync_mode {
        return refuse("The Lua debugger isn't part of this redis-cli.");
    }
    if args.rdb.is_some() && args.functions_rdb.is_some() {
        return refuse("Option --functions-rdb and --rdb are mutually exclusive.");
    }
    Ok(())
}

/// The first of these that was asked for.
fn mode(args: &mut Args) -> Result<Mode, Stop> {
    refuse_modes(args)?;
    let positive = "value should be positive.";
    let cursor_like = "should be followed by a positive integer.";
    let memory_samples = strict(args.memkeys_samples.take(), "--memkeys-samples", positive)?;
    let samples = strict(args.keystats_samples.take(), "--keystats-samples", positive)?;
    let cursor = strict(args.cursor.take(), "--cursor", cursor_like)?.unwrap_or(0);
    let top = strict(args.top.take(), "--top", cursor_like)?.unwrap_or(10);
    Ok(if args.latency || args.latency_history {
        Mode::Latency { history: args.latency_history }
    } else if args.latency_dist {
        Mode::LatencyDistribution { colors: !args.mono }
    } else if args.replica {
        Mode::Replica
    } else if let Some(file) = args.rdb.take() {
        Mode::Rdb { file: file.into(), functions_only: false }
    } else if let Some(file) = args.functions_rdb.take() {
        Mode::Rdb { file: file.into(), functions_only: true }
    } else if args.pipe {
        let seconds = u64::try_from(integer(args.pipe_timeout.take(), 30)).unwrap_or(0);
        Mode::Pipe { timeout: Some(Duration::from_secs(seconds)).filter(|timeout| !timeout.is_zero()) }
    } else if args.bigkeys {
        Mode::BigKeys
    } else if args.memkeys || memory_samples.is_some() {
        Mode::MemKeys { samples: memory_samples }
    } else if args.keystats || samples.is_some() {
        Mode::KeyStats { samples, cursor, top }
    } else if args.hotkeys {
        Mode::HotKeys
    } else if args.stat {
        Mode::Stat
    } else if args.scan {
        Mode::Scan
    } else if let Some(keys) = args.lru_test.take() {
        Mode::LruTest { keys: leading_integer(keys.as_bytes()) }
    } else if let Some(seconds) = args.intrinsic_latency.take() {
        Mode::IntrinsicLatency { seconds: leading_integer(seconds.as_bytes()) }
    } else if let Some(input) = args.test_hint.take() {
        Mode::Hint(bytes(input))
    } else if let Some(file) = args.test_hint_file.take() {
        Mode::HintSuite(file.into())
    } else if let Some(file) = args.eval.take() {
        Mode::Eval(file.into())
    } else {
        Mode::Command
    })
}

#[cfg(test)]
mod tests;
