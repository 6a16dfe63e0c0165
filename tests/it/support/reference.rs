//! The commands of Redis 7.4.1 (`tests/data/commands-7.4.json`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::data;

/// The commands and subcommands (`config|get`) of Redis 7.4.1 by full name.
pub struct ReferenceCommands {
    rows: BTreeMap<String, Value>,
}

impl ReferenceCommands {
    /// Reads the recorded table.
    pub fn load() -> ReferenceCommands {
        let text = std::fs::read_to_string(data("commands-7.4.json")).expect("the table is in tests/data");
        let table: Vec<Value> = serde_json::from_str(&text).expect("the table is JSON");
        let mut rows = BTreeMap::new();
        for row in table {
            for sub in row["subcommands"].as_array().into_iter().flatten() {
                rows.insert(name_of(sub), sub.clone());
            }
            rows.insert(name_of(&row), row);
        }
        assert!(rows.len() > 350, "the table has {} rows", rows.len());
        ReferenceCommands { rows }
    }

    /// The names of all commands and subcommands, in order.
    pub fn full_names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// The names of all commands, without subcommands.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.full_names().filter(|name| !name.contains('|'))
    }

    /// The recorded row of a command or subcommand.
    pub fn row(&self, full_name: &str) -> Option<&Value> {
        self.rows.get(full_name)
    }
}

fn name_of(row: &Value) -> String {
    row["name"].as_str().expect("a row has a name").to_owned()
}
