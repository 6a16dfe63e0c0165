//! Every text in which the configuration says no, to clients and to operators.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::PathBuf;

use super::choices::Names;

/// The version of Redis whose files and commands are understood, as told in its own error messages.
pub const REDIS_VERSION: &str = "7.4.1";

/// Why a value isn't one of its directive's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// Not `yes` or `no`.
    NotYesNo,
    /// Not a decimal integer in canonical form.
    NotInteger,
    /// Not bytes with an optional unit.
    NotSize,
    /// Neither bytes nor a percentage.
    NotSizeOrPercent,
    /// Not an octal number.
    NotOctal,
    /// A number outside the inclusive bounds.
    Outside(i64, u64),
    /// An octal number outside the inclusive bounds.
    OutsideOctal(u32, u32),
    /// A percentage above this.
    PercentAbove(u32),
    /// Not one of the directive's names.
    NotOneOf(Names),
    /// Too few or too many words.
    WordCount,
    /// `save` together with `nosave`.
    SaveAndNosave,
    /// Not pairs of seconds and changes.
    SavePoints,
    /// Buffer limits that aren't groups of four words.
    LimitWords,
    /// An unknown class of clients.
    LimitClass,
    /// A buffer limit that isn't a number.
    LimitNumber,
    /// An OOM score outside -2000 to 2000.
    OomScore,
    /// An unknown letter among keyspace event classes.
    EventClass,
    /// More than 16 addresses.
    TooManyAddresses,
    /// Something that can't be an address.
    Address,
    /// A primary's port outside 0 to 65535.
    PrimaryPort,
    /// Not a list of numbers.
    Percentiles,
    /// A percentile outside 0 to 100.
    PercentileRange,
    /// The directive must not be empty.
    Empty(&'static str),
    /// The directive (first) takes a name (second: file or dir) without a path.
    Path(&'static str, &'static str),
    /// A host name of 256 bytes or more.
    HostnameLength,
    /// A host name with other than letters, digits, `-` and `.`.
    HostnameBytes,
    /// A node name with reserved characters.
    NodeName,
    /// A process title with unknown variables, or an empty one.
    TitleTemplate,
    /// The operating system refused; its words.
    System(String),
    /// The server couldn't act on the new value.
    Veto(Veto),
}

/// Why the server can't act on a value that is valid in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Veto {
    /// `port` or `tls-port` can't be listened on.
    Port,
    /// `bind` has addresses that can't be listened on.
    Bind,
    /// The TLS files or settings don't work.
    Tls,
    /// The AOF can't be started.
    AppendOnly,
    /// There is no active defragmentation.
    ActiveDefrag,
    /// The kernel refuses the OOM score.
    OomScore,
    /// More clients than the limit of open files allows; how many it allows.
    MaxClients(u32),
}

impl Display for Veto {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Veto::Port => f.write_str("Unable to listen on this port. Check server logs."),
            Veto::Bind => f.write_str("Failed to bind to specified addresses."),
            Veto::Tls => f.write_str("Unable to update TLS configuration. Check server logs."),
            Veto::AppendOnly => f.write_str("Unable to turn on AOF. Check server logs."),
            Veto::ActiveDefrag => f.write_str(
                "Active defragmentation cannot be enabled: the allocator avoids fragmentation by its size classes and can't move what is allocated",
            ),
            Veto::OomScore => f.write_str("Failed to set current oom_score_adj. Check server logs."),
            Veto::MaxClients(most) => write!(
                f,
                "The operating system is not able to handle the specified number of clients, try with {most}"
            ),
        }
    }
}

impl Display for ValueError {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let text = match self {
            Self::NotYesNo => "argument must be 'yes' or 'no'",
            Self::NotInteger => "argument couldn't be parsed into an integer",
            Self::NotSize => "argument must be a memory value",
            Self::NotSizeOrPercent => "argument must be a memory or percent value",
            Self::NotOctal => "argument couldn't be parsed as an octal number",
            Self::Outside(min, max) => {
                return write!(f, "argument must be between {min} and {max} inclusive");
            }
            Self::OutsideOctal(min, max) => {
                return write!(f, "argument must be between {min:o} and {max:o} inclusive");
            }
            Self::PercentAbove(most) => {
                return write!(f, "percentage argument must be less or equal to {most}");
            }
            Self::NotOneOf(names) => {
                let names: Vec<&str> = names.iter().map(|entry| entry.0).collect();
                return write!(f, "argument(s) must be one of the following: {}", names.join(", "));
            }
            Self::WordCount => "wrong number of arguments",
            Self::SaveAndNosave => "shutdown options SAVE and NOSAVE can't be used simultaneously",
            Self::SavePoints => "Invalid save parameters",
            Self::LimitWords => "Wrong number of arguments in buffer limit configuration.",
            Self::LimitClass => "Invalid client class specified in buffer limit configuration.",
            Self::LimitNumber => "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            Self::OomScore => "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
            Self::EventClass => "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
            Self::TooManyAddresses => "Too many bind addresses specified.",
            Self::Address => return Veto::Bind.fmt(f),
            Self::PrimaryPort => "Invalid master port",
            Self::Percentiles => "Invalid latency-tracking-info-percentiles parameters",
            Self::PercentileRange => {
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
            }
            Self::Empty(directive) => return write!(f, "{directive} can't be empty"),
            Self::Path(directive, noun) => {
                return write!(f, "{directive} can't be a path, just a {noun}");
            }
            Self::HostnameLength => "Hostnames must be less than 256 characters",
            Self::HostnameBytes => "Hostnames may only contain alphanumeric characters, hyphens or dots",
            Self::NodeName => "Announced human node name contained invalid character",
            Self::TitleTemplate => "template format is invalid or contains unknown variables",
            Self::System(words) => words,
            Self::Veto(veto) => return veto.fmt(f),
        };
        f.write_str(text)
    }
}

/// Why CONFIG SET or CONFIG REWRITE failed. The text has no error code in front: see
/// [`code`](Self::code).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No such directive; the name as the client wrote it.
    Unknown(String),
    /// Fixed while the server runs.
    Immutable(String),
    /// Needs `enable-protected-configs`.
    Protected(String),
    /// Named twice in one command.
    Duplicate(String),
    /// Not to be changed while the dataset is being loaded.
    Loading,
    /// The directive's name and what is wrong with the value.
    Value(String, ValueError),
    /// CONFIG REWRITE without a configuration file.
    NoFile,
    /// CONFIG REWRITE couldn't read or write the file; the system's words.
    Rewrite(String),
}

impl ConfigError {
    /// The word a client's library looks at: `LOADING` or `ERR`.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigError::Loading => "LOADING",
            _ => "ERR",
        }
    }

    /// CONFIG REWRITE failed on its file.
    pub fn rewrite(error: &io::Error) -> Self {
        ConfigError::Rewrite(os_text(error))
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let (name, why): (_, &dyn Display) = match self {
            Self::Unknown(name) => {
                return write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'");
            }
            Self::Immutable(name) => (name, &"can't set immutable config"),
            Self::Protected(name) => (name, &"can't set protected config"),
            Self::Duplicate(name) => (name, &"duplicate parameter"),
            Self::Value(name, why) => (name, why),
            Self::Loading => return f.write_str("Redis is loading the dataset in memory"),
            Self::NoFile => return f.write_str("The server is running without a config file"),
            Self::Rewrite(why) => return write!(f, "Rewriting config file: {why}"),
        };
        write!(f, "CONFIG SET failed (possibly related to argument '{name}') - {why}")
    }
}

/// What is wrong with a line of the file or an option of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// A quote without its partner.
    Quotes,
    /// A directive that takes one value has none or several.
    WordCount,
    /// The value doesn't fit its directive.
    Value(ValueError),
    /// No such directive, or one with the wrong number of words.
    Directive,
    /// `loadmodule`.
    Module,
    /// `name.option`, the option of a module.
    ModuleOption,
    /// `sentinel`.
    Sentinel,
    /// Files that include each other.
    IncludeDepth,
    /// `rename-command` of a command that doesn't exist (any more).
    NoSuchCommand,
    /// `rename-command` to a name that is taken.
    CommandExists,
    /// A `user` line: the word at fault and why.
    User(String, String),
    /// The log file can't be opened; the system's words.
    LogFile(String),
}

impl Display for LineError {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Quotes => "Unbalanced quotes in configuration line",
            Self::WordCount => "wrong number of arguments",
            Self::Value(why) => return why.fmt(f),
            Self::Directive => "Bad directive or wrong number of arguments",
            Self::Module => "Modules are not supported",
            Self::ModuleOption => {
                "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"
            }
            Self::Sentinel => "sentinel directive while not in sentinel mode",
            Self::IncludeDepth => "Too many levels of include: do the files include each other?",
            Self::NoSuchCommand => "No such command in rename-command",
            Self::CommandExists => "Target command name already exists",
            Self::User(word, why) => {
                return write!(f, "Error in user declaration '{word}': {why}");
            }
            Self::LogFile(why) => return write!(f, "Can't open the log file: {why}"),
        })
    }
}

/// Where a directive stood: what an error about it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// Counted from 1 in its file. Options of the command line follow the file's lines.
    pub number: usize,
    /// The line without blanks at its ends.
    pub text: String,
}

/// Why the server can't start with this configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// A file can't be read; its path and the system's words.
    File(PathBuf, String),
    /// One line is wrong.
    Line(SourceLine, LineError),
    /// The configuration as a whole is wrong.
    Whole(LineError),
}

impl Display for LoadError {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let why = match self {
            LoadError::File(path, why) => {
                return write!(f, "Fatal error, can't open config file '{}': {why}", path.display());
            }
            LoadError::Line(_, why) | LoadError::Whole(why) => why,
        };
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***")?;
        if let LoadError::Line(line, _) = self {
            writeln!(f, "Reading the configuration file, at line {}", line.number)?;
            writeln!(f, ">>> '{}'", line.text)?;
        }
        why.fmt(f)
    }
}

impl std::error::Error for ValueError {}
impl std::error::Error for ConfigError {}
impl std::error::Error for LoadError {}

/// The system's words for an error, without the number Rust adds.
pub fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}
