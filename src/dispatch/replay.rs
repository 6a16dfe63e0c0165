//! Replaying the journal on the road that all commands take.

use std::sync::Arc;

use super::local::Local;
use crate::commands::{Found, Server};
use crate::persist::aof::Replay;
use crate::persist::snapshot::Rest;

struct Replayer {
    server: Arc<Server>,
    client: Local,
    rest: Rest,
}

/// What replays the commands of one file.
pub fn replayer(server: &Arc<Server>) -> Box<dyn Replay> {
    let rest = Rest(server.config.settings().debug.load_rest);
    Box::new(Replayer { server: Arc::clone(server), client: Local::replaying(Arc::clone(server)), rest })
}

impl Replay for Replayer {
    fn run(&mut self, args: &[&[u8]]) -> Result<(), String> {
        let name = || String::from_utf8_lossy(args[0]);
        self.rest.after_key(|| self.server.loading.is_cancelled());
        let spec = match self.server.catalog.find(args) {
            Found::Command(listed) => &listed.command.spec,
            Found::Unknown | Found::UnknownSubcommand(_) => {
                return Err(format!("Unknown command '{}'", name()));
            }
        };
        if !spec.admits(args.len()) {
            return Err(format!("Wrong number of arguments of '{}'", name()));
        }
        let reply = self.client.run(args);
        if spec.name == "select" && reply.starts_with(b"-") {
            // What follows would go to another database.
            return Err(format!("No database '{}'", args[1].escape_ascii()));
        }
        Ok(())
    }

    fn is_in_transaction(&self) -> bool {
        self.client.is_in_transaction()
    }

    fn abandon(&mut self) {
        self.client.session().end_transaction();
    }
}
