//! The table against a recorded Redis and against itself.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::config::choices::ShutdownFlags;
use crate::config::directive::{Directive, Effect, Kind};
use crate::config::table::{self, Row, names};
use crate::config::{Caller, Config, Settings};

/// `CONFIG GET *` of a fresh 7.4.1: name, tab, value. The directory is its own.
const REDIS_DEFAULTS: &str = include_str!("../../../tests/data/config-defaults-7.4.tsv");

/// Directives that Redis doesn't have.
const OURS: [&str; 2] = ["metrics-bind", "metrics-port"];

#[test]
fn defaults_are_those_of_redis() {
    let line = |line: &'static str| line.split_once('\t').unwrap_or((line, ""));
    let mut redis: BTreeMap<_, _> = REDIS_DEFAULTS.lines().map(line).collect();
    let cwd = std::env::current_dir().unwrap();
    redis.insert("dir", cwd.to_str().unwrap());
    let ours = Config::new().get(&[b"*"]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut ours: BTreeMap<_, _> = ours.iter().map(|(name, value)| (text(name), text(value))).collect();
    for name in OURS {
        ours.remove(name).unwrap();
    }
    let redis: BTreeMap<_, _> =
        redis.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(ours, redis);
}

#[test]
fn rows_are_sound() {
    let expected = rows().iter().map(|row| 1 + usize::from(row.alias.is_some())).sum::<usize>();
    assert_eq!(names().count(), expected, "a name is used twice");
    for row in rows() {
        assert!(row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", row.name);
        assert!(row.doc.ends_with('.') && row.doc.len() <= 100, "{}", row.name);
        let default = row.kind.default("/".as_ref());
        let sound = match row.kind {
            Kind::Integer { default, min, max, clamp, .. } => {
                (clamp.0..=clamp.1).contains(&default) && min <= clamp.0 && clamp.1 <= max
            }
            Kind::Size { default, min, max, floor, .. } => (min.max(floor)..=max).contains(&default),
            Kind::Choice { names, default } => names.iter().any(|entry| entry.1 == default),
            Kind::Text { default, unset, check } => {
                check(default.as_bytes()).is_ok() && (!unset || default.is_empty())
            }
            _ => true,
        };
        assert!(sound, "{}: {default:?}", row.name);
    }
}

fn rows() -> Vec<&'static Directive> {
    table::rows().map(Row::directive).collect()
}

/// A value that isn't the default.
fn another(row: &Directive) -> String {
    let code = |names: &[(&str, u32)], default: u32| {
        names.iter().find(|entry| entry.1 != default).map(|entry| entry.0.to_owned()).unwrap()
    };
    match row.kind {
        Kind::YesNo(default) => if default { "no" } else { "yes" }.to_owned(),
        Kind::Integer { default, max, .. } if default == max => (default - 1).to_string(),
        Kind::Integer { default, .. } => (default + 1).to_string(),
        Kind::Size { default, .. } => (default + 1).to_string(),
        Kind::Octal { .. } => "750".to_owned(),
        Kind::Choice { names, default } => code(names, default),
        Kind::ShutdownFlags => code(ShutdownFlags::NAMES, 0),
        Kind::Text { .. } => "other.name".to_owned(),
        Kind::Save(_) => "1 2 3 4".to_owned(),
        Kind::OutputLimits(_) => "pubsub 1 2 3 replica 4 5 6".to_owned(),
        Kind::Addresses(_) => "10.0.0.1 ::1".to_owned(),
        Kind::OomScores(_) => "1 2 3".to_owned(),
        Kind::Percentiles(_) => "1 2.5".to_owned(),
        Kind::Events => "KEA".to_owned(),
        Kind::Primary => "host 1".to_owned(),
        Kind::Dir => "/".to_owned(),
    }
}

fn set(config: &Config, name: &str, value: &[u8]) -> Result<(), crate::config::ConfigError> {
    config.set(&[(name.as_bytes(), value)], Caller::Server).map(drop)
}

#[test]
fn acting_directives_are_seen_in_the_settings_and_no_others() {
    let fresh: Settings = Settings::clone(&Config::new().settings());
    for row in rows() {
        let config = Config::new();
        set(&config, row.name, another(row).as_bytes()).unwrap();
        let differs = *config.settings() != fresh;
        assert_eq!(differs, row.effect == Effect::Acts, "{}", row.name);
    }
}

/// Sets each directive to what CONFIG GET tells of it, under its name and its alias; nothing may change.
fn assert_identity(config: &Config) {
    let before = config.get(&[b"*"]);
    for row in rows() {
        // CONFIG GET tells of no primary by nothing, which is no value.
        let shown = config.get(&[row.name.as_bytes()]).remove(0).1;
        if row.name == "replicaof" && shown.is_empty() {
            continue;
        }
        for name in [Some(row.name), row.alias].into_iter().flatten() {
            set(config, name, &shown).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    assert_eq!(config.get(&[b"*"]), before);
}

#[test]
fn what_get_tells_can_be_set() {
    let config = Config::new();
    assert_identity(&config);
    for row in rows() {
        set(&config, row.name, another(row).as_bytes()).unwrap();
    }
    assert_identity(&config);
}

/// Values that look a little like values.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        "[0-9]{1,30}(b|k|kb|m|mb|g|gb|%)?",
        "-?[0-9]{1,20}",
        "(yes|no|save|nosave|now|normal|slave|pubsub|nan|inf|-0|1e400|#x|\\*)",
        "[0-9.e+-]{0,12}",
        "[{}a-z]{0,10}",
    ];
    let words = prop::collection::vec(word, 0..9).prop_map(|words| words.join(" ").into_bytes());
    prop_oneof![words, prop::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn hostile_values_are_refused_or_come_back(value in hostile()) {
        let config = Config::new();
        for row in rows() {
            if set(&config, row.name, &value).is_ok() {
                let shown = config.get(&[row.name.as_bytes()]).remove(0).1;
                if row.name == "replicaof" && shown.is_empty() {
                    continue;
                }
                set(&config, row.name, &shown).unwrap();
                prop_assert_eq!(&config.get(&[row.name.as_bytes()]).remove(0).1, &shown, "{}", row.name);
            }
        }
    }

    #[test]
    fn hostile_files_never_panic(text in prop::collection::vec(hostile(), 0..8), which in any::<prop::sample::Index>()) {
        let name = rows()[which.index(rows().len())].name;
        // Files named by chance must not be made.
        prop_assume!(name != "logfile");
        for line in text {
            let line = [name.as_bytes(), b" ", &line].concat();
            let _ = Config::new().load_text(&line);
        }
    }
}
