//! The program: a tool by its name, or the server: arguments, configuration, run.

use std::ffi::OsString;
use std::process::ExitCode;

use redstart::config::Config;
use redstart::server::image;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if let Some(done) = redstart::tools::run(&args) {
        return done;
    }
    args.drain(..args.len().min(1));
    match args.first().and_then(|first| first.to_str()) {
        Some("-v" | "--version") => {
            println!("Redis server {}", redstart::tools::VERSION);
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
    let loaded = image::prepare(&mut config).and_then(|()| {
        let loaded = config.load_args(&args, &mut std::io::stdin().lock());
        loaded.map_err(|error| error.to_string())
    });
    if let Err(error) = loaded {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    redstart::server::run(config)
}
