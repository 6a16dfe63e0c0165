//! A client inside the process: runs requests on the road that all commands take, without a socket.

use std::sync::Arc;

use super::execute::{Done, Executor, Request};
use super::turn::put_off;
use crate::acl::Identity;
use crate::client::{ClientFlags, Session};
use crate::commands::Server;
use crate::keyspace::{Leftover, Plan};
use crate::resp::{Protocol, Reply};

/// See the head of this file. It belongs to one thread; many may work side by side.
pub struct Local {
    server: Arc<Server>,
    session: Session,
    reply: Reply,
}

impl Local {
    /// A client of a server, allowed everything, speaking RESP2.
    pub fn new(server: Arc<Server>) -> Local {
        let client = server.clients.add("127.0.0.1:0".into(), "127.0.0.1:0".into(), -1, ClientFlags::empty());
        let session = Session::new(client, server.config.settings(), Identity::server(&server.acl));
        Local { server, session, reply: Reply::new(Protocol::Resp2) }
    }

    /// A client that replays the journal: nothing expires for it, and nothing is refused.
    pub fn replaying(server: Arc<Server>) -> Local {
        let mut local = Local::new(server);
        local.session.replays = true;
        local
    }

    /// Whether it is within MULTI.
    pub fn is_in_transaction(&self) -> bool {
        self.session.transaction.is_some()
    }

    /// The state of its connection.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Runs one request and returns the bytes of its reply; empty if the client would be blocked.
    pub fn run(&mut self, args: &[&[u8]]) -> &[u8] {
        self.session.settings = self.server.config.settings();
        self.reply.clear();
        let request = Request { args, found: self.server.catalog.find(args), hash: None };
        let mut done = {
            let _pass = self.server.keyspace.gate.enter_soon();
            Executor::new(&self.server).run(&request, &mut self.session, &mut self.reply, None)
        };
        loop {
            done = match done {
                Done::NeedsEverything => loop {
                    if let Some(_closed) = self.server.keyspace.gate.try_close() {
                        let mut everything = self.server.keyspace.hold(Plan::Everything);
                        break Executor::new(&self.server).run(
                            &request,
                            &mut self.session,
                            &mut self.reply,
                            Some(&mut everything),
                        );
                    }
                    std::thread::yield_now();
                },
                Done::Block(suspended) => {
                    let (blocked, keyspace) = (&suspended.blocked, &self.server.keyspace);
                    blocked.claim();
                    let waits = &blocked.waits;
                    keyspace.take_back(Leftover::Waiting(waits.db, waits.keys.clone(), blocked.ticket));
                    self.server.blocked.remove(blocked);
                    break;
                }
                later => match put_off(later, &mut self.reply) {
                    None => break,
                    Some(install) => {
                        let mut executor = Executor::new(&self.server);
                        executor.install(&request, &mut self.session, &mut self.reply, install)
                    }
                },
            };
        }
        self.reply.as_bytes()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.server.forget(&mut self.session);
    }
}

#[cfg(test)]
mod tests {
    use super::Local;
    use std::sync::Arc;

    use crate::commands::Server;
    use crate::config::{Config, LogLevel};
    use crate::observe::log::Log;

    fn local() -> Local {
        let log = Log::start(LogLevel::Nothing, None);
        Local::new(Arc::new(Server::new(Config::new(), log, 2, "no").expect("no renames")))
    }

    #[test]
    fn runs_commands_and_transactions() {
        let mut client = local();
        assert_eq!(client.run(&[b"SET", b"k", b"41"]), b"+OK\r\n");
        assert_eq!(client.run(&[b"MULTI"]), b"+OK\r\n");
        assert_eq!(client.run(&[b"INCR", b"k"]), b"+QUEUED\r\n");
        assert_eq!(client.run(&[b"GET", b"k"]), b"+QUEUED\r\n");
        assert_eq!(client.run(&[b"EXEC"]), b"*2\r\n:42\r\n$2\r\n42\r\n");
    }

    #[test]
    fn a_watched_key_that_changes_ends_the_transaction() {
        let mut client = local();
        let mut other = Local::new(client.server.clone());
        client.run(&[b"WATCH", b"k"]);
        other.run(&[b"SET", b"k", b"v"]);
        client.run(&[b"MULTI"]);
        client.run(&[b"PING"]);
        assert_eq!(client.run(&[b"EXEC"]), b"*-1\r\n");
    }

    #[test]
    fn what_a_script_declares_counts_when_it_is_queued() {
        let mut client = local();
        client.run(&[b"CONFIG", b"SET", b"min-replicas-to-write", b"1"]);
        client.run(&[b"MULTI"]);
        assert_eq!(client.run(&[b"EVAL", b"#!lua flags=no-writes\nreturn 1", b"0"]), b"+QUEUED\r\n");
        assert_eq!(client.run(&[b"EVAL", b"return 1", b"0"]), b"+QUEUED\r\n");
        assert!(client.run(&[b"EVAL"]).starts_with(b"-ERR wrong number of arguments"));
        client.run(&[b"DISCARD"]);
        client.run(&[b"MULTI"]);
        assert!(client.run(&[b"EVAL", b"#!lua\nreturn 1", b"0"]).starts_with(b"-NOREPLICAS "));
        assert!(client.run(&[b"EXEC"]).starts_with(b"-EXECABORT "));
    }
}
