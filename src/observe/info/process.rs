//! `# Server` and `# CPU`: the process.

use super::row::{self, Row, Value};
use crate::observe::machine::CpuTime;

/// What `# Server` tells.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// `systemd`, `upstart` or `no`.
    pub supervised: &'static str,
    /// 40 hexadecimal digits.
    pub run_id: String,
    /// 0 if there is none.
    pub tcp_port: u16,
    /// Now, in Unix µs.
    pub now_usec: i64,
    /// When the process started, in Unix seconds.
    pub started: i64,
    /// How long ago that was, in seconds.
    pub uptime_s: u64,
    /// Rounds of housekeeping a second.
    pub hz: u32,
    /// The clock by which access times are kept.
    pub lru_clock: u32,
    /// The program's path.
    pub executable: String,
    /// The configuration file's path, empty without one.
    pub config_file: String,
    /// Where it listens.
    pub listeners: Vec<Listener>,
}

/// Addresses of one kind on which the server listens.
#[derive(Clone, Debug)]
pub struct Listener {
    /// `tcp` or `unix`.
    pub kind: &'static str,
    /// Addresses, or the path of the socket.
    pub addresses: Vec<String>,
    /// 0 for a unix socket.
    pub port: u16,
}

/// What `# CPU` tells.
#[derive(Clone, Copy, Debug)]
pub struct CpuFacts {
    /// Of this process.
    pub own: CpuTime,
    /// Of processes it started.
    pub children: CpuTime,
}

fn text(words: &'static str) -> Value {
    Value::Text(words.into())
}

const fn server(name: &'static str, value: fn(&ServerFacts) -> Value) -> Row<ServerFacts> {
    Row::new(name, value)
}

/// The fields of `# Server`.
pub const SERVER_ROWS: &[Row<ServerFacts>] = &[
    server("redis_version", |_| text(crate::config::REDIS_VERSION)),
    server("redstart_version", |_| text(env!("CARGO_PKG_VERSION"))),
    server("redis_git_sha1", |_| text("00000000")),
    server("redis_git_dirty", |_| Value::Count(0)),
    server("redis_build_id", |_| text(concat!("redstart-", env!("CARGO_PKG_VERSION")))),
    server("redis_mode", |_| text("standalone")),
    server("os", |_| text(crate::observe::machine::system())),
    server("arch_bits", |_| Value::Count(usize::BITS.into())),
    server("monotonic_clock", |_| text("POSIX clock_gettime")),
    server("multiplexing_api", |_| text("epoll")),
    server("atomicvar_api", |_| text("c11-builtin")),
    // As where Redis is built by another compiler.
    server("gcc_version", |_| text("0.0.0")),
    server("process_id", |_| Value::Count(std::process::id().into())).gauge("process_id"),
    server("process_supervised", |facts| text(facts.supervised)),
    server("run_id", |facts| Value::Text(facts.run_id.clone().into())),
    server("tcp_port", |facts| Value::Count(facts.tcp_port.into())),
    server("server_time_usec", |facts| Value::Int(facts.now_usec)),
    server("uptime_in_seconds", |facts| Value::Count(facts.uptime_s)).gauge("uptime_in_seconds"),
    server("uptime_in_days", |facts| Value::Count(facts.uptime_s / 86400)),
    server("hz", |facts| Value::Count(facts.hz.into())).gauge("hz"),
    server("configured_hz", |facts| Value::Count(facts.hz.into())).gauge("configured_hz"),
    server("lru_clock", |facts| Value::Count(facts.lru_clock.into())),
    server("executable", |facts| Value::Text(facts.executable.clone().into())),
    server("config_file", |facts| Value::Text(facts.config_file.clone().into())),
    // All threads do input and output, whatever `io-threads` says.
    server("io_threads_active", |_| Value::Count(0)).gauge("io_threads_active"),
];

/// The rows, then a line for each kind of listener.
pub(super) fn write_server(out: &mut String, facts: &ServerFacts) {
    row::write(out, SERVER_ROWS, facts);
    for (index, listener) in facts.listeners.iter().enumerate() {
        out.push_str(&format!("listener{index}:name={}", listener.kind));
        listener.addresses.iter().for_each(|address| out.push_str(&format!(",bind={address}")));
        if listener.port != 0 {
            out.push_str(&format!(",port={}", listener.port));
        }
        out.push_str("\r\n");
    }
}

const fn cpu(name: &'static str, value: fn(&CpuFacts) -> Value) -> Row<CpuFacts> {
    Row::new(name, value)
}

/// The fields of `# CPU`.
pub const CPU_ROWS: &[Row<CpuFacts>] = &[
    cpu("used_cpu_sys", |facts| Value::Seconds(facts.own.system)).counter("cpu_sys_seconds_total"),
    cpu("used_cpu_user", |facts| Value::Seconds(facts.own.user)).counter("cpu_user_seconds_total"),
    cpu("used_cpu_sys_children", |facts| Value::Seconds(facts.children.system))
        .counter("cpu_sys_children_seconds_total"),
    cpu("used_cpu_user_children", |facts| Value::Seconds(facts.children.user))
        .counter("cpu_user_children_seconds_total"),
    // No thread is the main one: each runs commands.
    cpu("used_cpu_sys_main_thread", |facts| Value::Seconds(facts.own.system))
        .counter("cpu_sys_main_thread_seconds_total"),
    cpu("used_cpu_user_main_thread", |facts| Value::Seconds(facts.own.user))
        .counter("cpu_user_main_thread_seconds_total"),
];
