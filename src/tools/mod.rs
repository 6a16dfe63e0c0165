//! Programs that share the server's binary: the name under which it is called tells which one runs.

mod check_aof;
mod check_rdb;
mod entrypoint;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// What the tools and the server answer to `--version` behind their name.
pub const VERSION: &str = concat!(
    "v=7.4.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=redstart-",
    env!("CARGO_PKG_VERSION")
);

/// Runs the tool that the program's name, the first of `args`, stands for; none if that is the server.
pub fn run(args: &[OsString]) -> Option<ExitCode> {
    let name = Path::new(args.first()?).file_name().and_then(OsStr::to_str)?;
    match name {
        "docker-entrypoint.sh" => Some(entrypoint::main(args)),
        "redis-check-aof" => Some(check_aof::main(args)),
        "redis-check-rdb" => Some(check_rdb::main(args)),
        _ => None,
    }
}
