//! The program: a tool by its name, or the server: arguments, configuration, run.

use std::ffi::OsString;
use std::process::ExitCode;

use redstart::config::{Config, LoadError};

/// Names a configuration file that is read before the one of the command line.
const DEFAULTS_VARIABLE: &str = "REDSTART_DEFAULTS";

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if let Some(done) = redstart::tools::run(&args) {
        return done;
    }
    args.drain(..args.len().min(1));
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
    let loaded =
        load_defaults(&mut config).and_then(|()| config.load_args(&args, &mut std::io::stdin().lock()));
    if let Err(error) = loaded {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    redstart::server::run(config)
}

/// Loads the file that an image names for defaults of its own: what users give wins over them.
fn load_defaults(config: &mut Config) -> Result<(), LoadError> {
    let Some(file) = std::env::var_os(DEFAULTS_VARIABLE).filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    let text = std::fs::read(&file).map_err(|error| LoadError::File((&file).into(), error.to_string()))?;
    config.load_text(&text)
}
