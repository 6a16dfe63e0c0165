//! The command line as clap sees it. What the options mean together is decided in the parent module.

use std::ffi::OsString;

use clap::{ArgAction, Parser};

/// Talks to a Redis server: one command, many from standard input, or interactively.
#[derive(Debug, Parser)]
#[command(
    name = "redis-cli",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = "redis-cli [OPTIONS] [cmd [arg [arg ...]]]",
    help_template = "{name} 7.4.1\n\nUsage: {usage}\n\n{options}{after-help}",
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub struct Args {
    /// Server hostname (default: 127.0.0.1)
    #[arg(short = 'h', value_name = "hostname", allow_hyphen_values = true)]
    pub host: Option<String>,
    /// Server port (default: 6379)
    #[arg(short = 'p', value_name = "port", allow_hyphen_values = true)]
    pub port: Option<String>,
    /// Longest time to connect, in seconds with decimals (default: 0, as long as the system tries)
    #[arg(short = 't', value_name = "timeout", allow_hyphen_values = true)]
    pub timeout: Option<String>,
    /// Server socket, in place of hostname and port
    #[arg(short = 's', value_name = "socket", allow_hyphen_values = true)]
    pub socket: Option<OsString>,
    /// Password; safer in the environment variable REDISCLI_AUTH, which this option overrides
    #[arg(short = 'a', long = "pass", value_name = "password", allow_hyphen_values = true)]
    pub password: Option<OsString>,
    /// User to authenticate as, together with a password
    #[arg(long, value_name = "username", allow_hyphen_values = true)]
    pub user: Option<OsString>,
    /// Ask for the password at the terminal, whatever -a and REDISCLI_AUTH say
    #[arg(long)]
    pub askpass: bool,
    /// Server URI: redis://user:password@host:port/db, each part may be missing; rediss:// for TLS
    #[arg(short = 'u', value_name = "uri", allow_hyphen_values = true)]
    pub uri: Option<String>,
    /// Execute the command so many times; a negative number never ends
    #[arg(short = 'r', value_name = "repeat", allow_hyphen_values = true)]
    pub repeat: Option<String>,
    /// Seconds, with decimals, to wait after each command of -r, each cycle of --scan and --stat, and each 100 cycles
    /// of --bigkeys, --memkeys, --keystats and --hotkeys
    #[arg(short = 'i', value_name = "interval", allow_hyphen_values = true)]
    pub interval: Option<String>,
    /// Database number
    #[arg(short = 'n', value_name = "db", allow_hyphen_values = true)]
    pub db: Option<String>,
    /// Speak RESP2
    #[arg(short = '2')]
    pub resp2: bool,
    /// Speak RESP3
    #[arg(short = '3')]
    pub resp3: bool,
    /// Take the last argument from standard input
    #[arg(short = 'x')]
    pub stdin_last: bool,
    /// Take from standard input the argument that stands as <tag> in the command
    #[arg(short = 'X', value_name = "tag", allow_hyphen_values = true)]
    pub stdin_tag: Option<OsString>,
    /// What stands between the items of a raw reply (default: a line end)
    #[arg(short = 'd', value_name = "delimiter", allow_hyphen_values = true)]
    pub item_delimiter: Option<OsString>,
    /// What stands after a raw reply (default: a line end)
    #[arg(short = 'D', value_name = "delimiter", allow_hyphen_values = true)]
    pub reply_delimiter: Option<OsString>,
    /// Follow -ASK and -MOVED to other servers
    #[arg(short = 'c')]
    pub cluster: bool,
    /// Exit with 1 when the command fails
    #[arg(short = 'e')]
    pub error_code: bool,
    /// Use IPv4 addresses of the hostname before IPv6 ones
    #[arg(short = '4')]
    pub ipv4: bool,
    /// Use IPv6 addresses of the hostname before IPv4 ones
    #[arg(short = '6')]
    pub ipv6: bool,
    /// Connect by TLS
    #[arg(long)]
    pub tls: bool,
    /// Name of the server to send in the TLS handshake
    #[arg(long, value_name = "host", allow_hyphen_values = true)]
    pub sni: Option<String>,
    /// File of certificates of authorities to trust (default, without --cacertdir: those of the system)
    #[arg(long, value_name = "file", allow_hyphen_values = true)]
    pub cacert: Option<OsString>,
    /// Folder of certificates of authorities to trust
    #[arg(long, value_name = "dir", allow_hyphen_values = true)]
    pub cacertdir: Option<OsString>,
    /// Trust any certificate
    #[arg(long)]
    pub insecure: bool,
    /// Certificate to authenticate with
    #[arg(long, value_name = "file", allow_hyphen_values = true)]
    pub cert: Option<OsString>,
    /// Private key of the certificate
    #[arg(long, value_name = "file", allow_hyphen_values = true)]
    pub key: Option<OsString>,
    /// Cipher suites of TLS 1.2 by OpenSSL's names, separated by colons
    #[arg(long, value_name = "list", allow_hyphen_values = true)]
    pub tls_ciphers: Option<String>,
    /// Cipher suites of TLS 1.3, separated by colons
    #[arg(long, value_name = "list", allow_hyphen_values = true)]
    pub tls_ciphersuites: Option<String>,
    /// Show the bytes of replies only (default where standard output is no terminal)
    #[arg(long)]
    pub raw: bool,
    /// Show replies for people (default at a terminal)
    #[arg(long)]
    pub no_raw: bool,
    /// Unquote the words of the command, so that they can hold any byte
    #[arg(long)]
    pub quoted_input: bool,
    /// Show replies as comma-separated values
    #[arg(long)]
    pub csv: bool,
    /// Show replies as JSON; speaks RESP3 unless told -2
    #[arg(long)]
    pub json: bool,
    /// As --json, in ASCII: strings hold what a terminal would show
    #[arg(long)]
    pub quoted_json: bool,
    /// Whether to show messages that a RESP3 server sends unasked (default: at a terminal)
    #[arg(long, value_name = "yn", allow_hyphen_values = true)]
    pub show_pushes: Option<String>,
    /// Show how memory, clients and requests of the server change
    #[arg(long)]
    pub stat: bool,
    /// Measure how long PING takes, on and on; with --raw, --csv or no terminal for a second or the time of -i
    #[arg(long)]
    pub latency: bool,
    /// As --latency, starting anew every 15 seconds or the time of -i
    #[arg(long)]
    pub latency_history: bool,
    /// Show the times of PING as a spectrum, for terminals of 256 colours; every second or the time of -i
    #[arg(long)]
    pub latency_dist: bool,
    /// With --latency-dist, without colours
    #[arg(long)]
    pub mono: bool,
    /// Use the server as a cache of so many keys, a fifth of which is asked for four times out of five
    #[arg(long, value_name = "keys", allow_hyphen_values = true)]
    pub lru_test: Option<String>,
    /// Show the commands that a primary sends to its replicas
    #[arg(long, alias = "slave")]
    pub replica: bool,
    /// Fetch a snapshot of the server into a file; - is standard output
    #[arg(long, value_name = "filename", allow_hyphen_values = true)]
    pub rdb: Option<OsString>,
    /// As --rdb, functions only
    #[arg(long, value_name = "filename", allow_hyphen_values = true)]
    pub functions_rdb: Option<OsString>,
    /// Send standard input to the server as it is, and count replies and errors
    #[arg(long)]
    pub pipe: bool,
    /// In --pipe, how many seconds to wait for a reply after all is sent; 0 is for ever (default: 30)
    #[arg(long, value_name = "n", allow_hyphen_values = true)]
    pub pipe_timeout: Option<String>,
    /// Look for keys with many elements
    #[arg(long)]
    pub bigkeys: bool,
    /// Look for keys that take much memory
    #[arg(long)]
    pub memkeys: bool,
    /// As --memkeys, with so many elements looked at per key
    #[arg(long, value_name = "n", allow_hyphen_values = true)]
    pub memkeys_samples: Option<String>,
    /// Look for keys with many elements and for those that take much memory, and how sizes are distributed
    #[arg(long)]
    pub keystats: bool,
    /// As --keystats, with so many elements looked at per key
    #[arg(long, value_name = "n", allow_hyphen_values = true)]
    pub keystats_samples: Option<String>,
    /// Start the scan of --keystats at this cursor
    #[arg(long, value_name = "n", allow_hyphen_values = true)]
    pub cursor: Option<String>,
    /// How many of the largest keys --keystats shows (default: 10)
    #[arg(long, value_name = "n", allow_hyphen_values = true)]
    pub top: Option<String>,
    /// Look for keys that are used often; needs a maxmemory-policy of the LFU kind
    #[arg(long)]
    pub hotkeys: bool,
    /// List the keys of the database
    #[arg(long)]
    pub scan: bool,
    /// Which keys to look at in --scan, --bigkeys, --memkeys, --keystats and --hotkeys (default: *)
    #[arg(long, value_name = "pat", allow_hyphen_values = true)]
    pub pattern: Option<OsString>,
    /// COUNT of the SCAN commands of those modes (default: 10)
    #[arg(long, value_name = "count", allow_hyphen_values = true)]
    pub count: Option<String>,
    /// As --pattern, which may be quoted to hold any byte
    #[arg(long, value_name = "pat", allow_hyphen_values = true)]
    pub quoted_pattern: Option<OsString>,
    /// Measure for so many seconds how long the system keeps this process waiting
    #[arg(long, value_name = "sec", allow_hyphen_values = true)]
    pub intrinsic_latency: Option<String>,
    /// Send the script of this file by EVAL; the words before a comma are its keys
    #[arg(long, value_name = "file", allow_hyphen_values = true)]
    pub eval: Option<OsString>,
    /// Refused: there is no Lua debugger
    #[arg(long, hide = true)]
    pub ldb: bool,
    #[arg(long, hide = true)]
    pub ldb_sync_mode: bool,
    /// Refused: there is no cluster manager
    #[arg(long = "cluster", hide = true, allow_hyphen_values = true)]
    pub cluster_manager: Option<OsString>,
    /// Tell more
    #[arg(long)]
    pub verbose: bool,
    /// Don't warn of a password on the command line
    #[arg(long)]
    pub no_auth_warning: bool,
    /// Show the hint for the beginning of a command
    #[arg(long = "test_hint", hide = true, allow_hyphen_values = true)]
    pub test_hint: Option<OsString>,
    /// Check the hints that a file expects
    #[arg(long = "test_hint_file", hide = true, allow_hyphen_values = true)]
    pub test_hint_file: Option<OsString>,
    /// Show this
    #[arg(long, action = ArgAction::Help)]
    pub help: Option<bool>,
    /// Show the version
    #[arg(short = 'v', long)]
    pub version: bool,
    #[arg(trailing_var_arg = true, hide = true)]
    pub command: Vec<OsString>,
}

const EXAMPLES: &str = "
Without a command redis-cli is interactive: `help` tells how to get help there.

Examples:
  redis-cli -u redis://default:PASSWORD@localhost:6379/0
  redis-cli -r 100 -i 1 INFO memory | grep used_memory_human
  redis-cli -x SET picture < picture.png
  redis-cli -D \"\" --raw DUMP key | redis-cli -X value RESTORE copy 0 value REPLACE
  redis-cli --quoted-input SET '\"a\\x00b\"' value
  redis-cli --eval script.lua key1 key2 , argument1 argument2
  redis-cli --scan --pattern 'session:*' --count 100
";
