//! Tests of the configuration as a whole: the table, loading, CONFIG SET and GET, rewriting.

mod load;
mod rewrite;
mod set;
mod table;

use std::ffi::OsString;

use super::{Caller, Config, ConfigError, LoadError};

/// A client that may change what isn't protected.
const CLIENT: Caller = Caller::Client { local: true, loading: false };

fn load(args: &[&str], stdin: &str) -> Result<Config, LoadError> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let mut config = Config::new();
    config.load_args(&args, &mut stdin.as_bytes())?;
    Ok(config)
}

fn from_text(text: &str) -> Config {
    let mut config = Config::new();
    config.load_text(text.as_bytes()).unwrap();
    config
}

fn get(config: &Config, name: &str) -> String {
    let found = config.get(&[name.as_bytes()]);
    assert_eq!(found.len(), 1, "{name}");
    String::from_utf8(found[0].1.clone()).unwrap()
}

fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<(), ConfigError> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config.set(&pairs, CLIENT).map(drop)
}
