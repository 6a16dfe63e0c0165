//! What Redis 7.4.1 has (`tests/data/commands-7.4.json`) and what the server under test has, so that a test can
//! tell a command that isn't there yet from one that answers wrongly.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{Client, data};

/// The commands and subcommands (`config|get`) of Redis 7.4.1 by full name.
pub struct ReferenceCommands {
    rows: HashMap<String, Value>,
}

impl ReferenceCommands {
    /// Reads the recorded table.
    pub fn load() -> ReferenceCommands {
        let text = std::fs::read_to_string(data("commands-7.4.json")).expect("the table is in tests/data");
        let table: Vec<Value> = serde_json::from_str(&text).expect("the table is JSON");
        let mut rows = HashMap::new();
        for row in table {
            for sub in row["subcommands"].as_array().into_iter().flatten() {
                rows.insert(name_of(sub), sub.clone());
            }
            rows.insert(name_of(&row), row);
        }
        assert!(rows.len() > 350, "the table has {} rows", rows.len());
        ReferenceCommands { rows }
    }

    /// The names of all commands, without subcommands.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str).filter(|name| !name.contains('|'))
    }

    /// The recorded row of a command or subcommand.
    pub fn row(&self, full_name: &str) -> Option<&Value> {
        self.rows.get(full_name)
    }

    /// Whether Redis knows the command or subcommand these arguments call while `supported` lacks it.
    pub fn is_missing(&self, args: &[Vec<u8>], supported: &BTreeSet<String>) -> bool {
        let name = lowercase(&args[0]);
        let full = args.get(1).map(|sub| format!("{name}|{}", lowercase(sub)));
        [Some(name), full]
            .into_iter()
            .flatten()
            .any(|name| self.rows.contains_key(&name) && !supported.contains(&name))
    }

    /// Whether the command or subcommand these arguments call only reads in Redis.
    pub fn is_readonly(&self, args: &[Vec<u8>]) -> bool {
        let name = lowercase(&args[0]);
        let sub = args.get(1).and_then(|sub| self.rows.get(&format!("{name}|{}", lowercase(sub))));
        let row = sub.or_else(|| self.rows.get(&name));
        let flags = row.and_then(|row| row["flags"].as_array());
        flags.is_some_and(|flags| flags.iter().any(|flag| flag == "readonly"))
    }
}

fn name_of(row: &Value) -> String {
    row["name"].as_str().expect("a row has a name").to_owned()
}

/// Bytes of a command name in lower case.
pub fn lowercase(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_lowercase()
}

/// The full names of all commands and subcommands of the server.
pub fn supported_commands(client: &mut Client) -> BTreeSet<String> {
    client.call(&["COMMAND", "LIST"]).items().iter().map(|name| name.text().to_lowercase()).collect()
}
