//! The facts of a crash report.

use std::sync::{Arc, Weak};

use crate::client::Running;
use crate::commands::Server;
use crate::observe::crash;
use crate::observe::info::{self, Section};

/// What else there is to know, in the order in which it is told: it may end anywhere.
const SECTIONS: [Section; 9] = [
    Section::Server,
    Section::Clients,
    Section::Stats,
    Section::Persistence,
    Section::Cpu,
    Section::CommandStats,
    Section::ErrorStats,
    Section::Keyspace,
    Section::Memory,
];

/// Has the crashes of this process reported, if the settings want it.
pub fn prepare(server: &Arc<Server>) {
    let settings = server.config.settings();
    let server = Arc::downgrade(server);
    crash::prepare(settings.log.file.as_deref(), Box::new(move |client, out| tell(&server, client, out)));
    crash::protect_thread();
    crash::set_enabled(settings.process.crash_log);
}

/// Tells of the client that was served last, without what it sent, and the server.
fn tell(server: &Weak<Server>, client: u64, out: &mut dyn FnMut(&str)) {
    let Some(server) = server.upgrade() else { return };
    if let Some(client) = server.clients.get(client) {
        out("\n------ CURRENT CLIENT INFO ------\n");
        let command = server.command_name(&client);
        match server.config.settings().log.hide_user_data {
            true => out(&format!("id={} cmd={}\n", client.id, command.unwrap_or("NULL"))),
            false => out(&format!("{}\n", client.describe(command, Running::default()))),
        }
    }
    out("\n------ INFO OUTPUT ------\n");
    for section in SECTIONS {
        out(&info::text(&[section], &*server));
        out("\n");
    }
}
