//! The server's program: arguments, configuration, run.

use std::ffi::OsString;
use std::process::ExitCode;

use redstart::config::Config;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.first().and_then(|first| first.to_str()) {
        Some("-v" | "--version") => {
            println!(
                "Redis server v=7.4.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=redstart-{VERSION}"
            );
            return ExitCode::SUCCESS;
        }
        Some("-h" | "--help") => {
            print!("{}", redstart::server::USAGE);
            return ExitCode::SUCCESS;
        }
        Some("--test-memory" | "--check-system") => {
            eprintln!("Redstart doesn't test the machine; use memtest86 or the like for that.");
            return ExitCode::FAILURE;
        }
        _ => {}
    }
    let mut config = Config::new();
    if let Err(error) = config.load_args(&args, &mut std::io::stdin().lock()) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    redstart::server::run(config)
}
