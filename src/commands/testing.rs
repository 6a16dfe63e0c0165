//! Running commands in unit tests: without sockets or threads, with a clock that the test sets.

use std::sync::Arc;

use crate::acl::Identity;
use crate::client::{ClientFlags, Session};
use crate::config::{Caller, Config, LogLevel};
use crate::keyspace::{Clock, Effects, Expiry, Keyspace, Plan, Value, View};
use crate::observe::log::Log;
use crate::persist::aof::{CommandReader, Line};
use crate::resp::{Protocol, Reply};
use crate::types::list::{End, List, ListLimits};

use super::{Call, Command, Found, Install, Listed, Next, Server};
use crate::command::row::*;

/// A server with one client.
pub(super) struct Rig {
    pub server: Arc<Server>,
    pub session: Session,
    /// Unix time in ms; it stands still unless the test moves it.
    pub now: i64,
    /// Whether commands run as from EXEC, with every shard held.
    pub nested: bool,
    /// What the commands so far have caused.
    pub effects: Effects,
    protocol: Protocol,
}

impl Rig {
    pub fn new() -> Rig {
        let log = Log::start(LogLevel::Nothing, None);
        let mut config = Config::new();
        // Nothing is written to the folder that tests run in.
        config.load_text(b"save \"\"").expect("a valid setting");
        let server = Arc::new(Server::new(config, log, 1, "no").expect("no renames"));
        let client = server.clients.add("127.0.0.1:1".into(), "127.0.0.1:2".into(), 0, ClientFlags::empty());
        let session = Session::new(client, server.config.settings(), Identity::new(&server.acl));
        let (effects, protocol) = (Effects::default(), Protocol::Resp2);
        Rig { server, session, now: 1_700_000_000_000, nested: false, effects, protocol }
    }

    pub fn resp3() -> Rig {
        Rig { protocol: Protocol::Resp3, ..Rig::new() }
    }

    /// CONFIG SET.
    pub fn set(&mut self, directive: &str, value: &str) {
        let caller = Caller::Client { local: true, loading: false };
        let pairs = [(directive.as_bytes(), value.as_bytes())];
        self.server.config.prepare(&pairs, caller).expect("a valid setting").commit();
        self.session.settings = self.server.config.settings();
    }

    /// Stores a list of `len` elements of one byte.
    pub fn put_list(&mut self, key: &str, len: usize) {
        let server = Arc::clone(&self.server);
        let held = server.keyspace.hold(Plan::Everything);
        let mut list = List::new();
        list.push(End::Tail, std::iter::repeat_n(&b"a"[..], len), &ListLimits::default());
        View::new(&server.keyspace, held, self.session.db, self.clock(), &mut self.effects).set(
            key.as_bytes(),
            Value::List(list),
            Expiry::Clear,
        );
    }

    /// Runs a command given as words; its reply with spaces for line ends.
    #[track_caller]
    pub fn run(&mut self, words: &str) -> String {
        let args: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.call(&args)).replace("\r\n", " ").trim_end().to_owned()
    }

    /// Runs commands and compares their replies.
    #[track_caller]
    pub fn check(&mut self, pairs: &[(&str, &str)]) {
        for (words, expected) in pairs {
            assert_eq!(self.run(words), *expected, "{words}");
        }
    }

    /// Runs a command; its raw reply.
    pub fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        self.call_meanwhile(args, &mut |_| ())
    }

    /// Runs a command, and `meanwhile` whenever the command works without its locks.
    pub fn call_meanwhile(&mut self, args: &[&[u8]], meanwhile: &mut dyn FnMut(&mut Rig)) -> Vec<u8> {
        let mut reply = Reply::new(self.protocol);
        let server = Arc::clone(&self.server);
        let Found::Command(listed) = server.catalog.find(args) else { panic!("no command {args:?}") };
        assert!(listed.command.spec.admits(args.len()), "arity of {args:?}");
        let mut next = self.step(listed, args, &mut reply, None);
        loop {
            let install = match next {
                Next::Later(work) => {
                    meanwhile(self);
                    work(&mut reply);
                    break;
                }
                Next::Compute(compute) => {
                    meanwhile(self);
                    compute()
                }
                Next::Done | Next::Close | Next::Block(_) => break,
            };
            next = self.step(listed, args, &mut reply, Some(install));
        }
        reply.take()
    }

    fn step(&mut self, listed: &Listed, args: &[&[u8]], reply: &mut Reply, install: Option<Install>) -> Next {
        let server = Arc::clone(&self.server);
        let mut hashes = Vec::new();
        let everything = self.nested || listed.command.flags_for(args).contains(Flags::EXCLUSIVE);
        // Arguments that contradict themselves lock nothing.
        let keys = listed.command.for_each_key(args, &mut |at| hashes.push(Keyspace::hash(args[at])));
        let plan = match keys {
            _ if everything => Plan::Everything,
            Ok(()) => Plan::Keys(&hashes),
            Err(_) => Plan::Keys(&[]),
        };
        let held = server.keyspace.hold(plan);
        let keys = View::new(&server.keyspace, held, self.session.db, self.clock(), &mut self.effects);
        let (session, nested) = (&mut self.session, self.nested);
        let mut call =
            Call { args, spec: &listed.command.spec, keys, reply, session, server: &server, nested };
        let outcome = match install {
            None => call.run_recorded(|call| (listed.command.run)(call)),
            Some(install) => call.run_recorded(|call| install(call)),
        };
        match outcome {
            Ok(next) => next,
            Err(error) => {
                call.reply.truncate(0);
                call.reply.error(error.text());
                Next::Done
            }
        }
    }

    fn clock(&self) -> Clock {
        Clock {
            keep_expired: self.server.pause.is_on(),
            no_touch: self.session.no_touch,
            ..Clock::under(&self.session.settings, self.now)
        }
    }

    /// Deletes what is due, as time does.
    pub fn expire(&mut self) {
        let clock = self.clock();
        for shard in 0..self.server.keyspace.shards() {
            while self.server.keyspace.expire_due(shard, clock, 256, &mut self.effects).more {}
        }
    }

    /// The keyspace events since the last call: "db event key".
    pub fn events(&mut self) -> Vec<String> {
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        self.effects.events.drain(..).map(|e| format!("{} {} {}", e.db, e.name, text(&e.key))).collect()
    }

    /// What the journal would get since the last call: each command as words, its database in front.
    pub fn journal(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        self.effects.propagation.take_each(|db, command| {
            let mut args = Vec::new();
            let read = CommandReader::new(command, 0).next(&mut args);
            assert!(matches!(read, Ok(Some(Line::Command))));
            let words: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
            all.push(format!("{db} {}", words.join(" ")));
        });
        all
    }

    /// The number of changes since the last call.
    pub fn dirty(&mut self) -> u64 {
        std::mem::take(&mut self.effects.dirty)
    }
}

/// Commands that only tests have.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(Spec::new("panic", 2).flags(&[WRITE]).keys(&[KeySpec::at(1, &[OW, UPDATE])]), |call| {
        call.reply.array(2);
        call.keys.set_string(call.args[1], b"half done", Expiry::Clear);
        panic!("as the test wants it");
    }),
    Command::new(Spec::new("panicall", 1).flags(&[WRITE, EXCLUSIVE]), |_| panic!("as the test wants it")),
    Command::new(Spec::new("paniclater", 1), |_| {
        Ok(Next::Later(Box::new(|reply| {
            reply.array(2);
            panic!("as the test wants it");
        })))
    }),
    Command::new(Spec::new("paniccompute", 1), |_| {
        Ok(Next::Compute(Box::new(|| panic!("as the test wants it"))))
    }),
];
