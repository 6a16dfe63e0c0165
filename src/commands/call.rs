//! What a handler gets and what it gives back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use crate::acl::{Channels, KeyUse};
use crate::client::{OwnedRequest, Session};
use crate::command::keys::{Find, InvalidKeys, KeyFlags};
use crate::command::spec::Flags;
use crate::command::{Args, Begin, Error, Spec};
use crate::config::Settings;
use crate::keyspace::{Keyspace, Plan, StrRef, Type, View};
use crate::resp::{Protocol, Reply};
use crate::types::listpack::Item;

use super::Listed;
use super::server::Server;

/// A command: its row, its handler, and its subcommands if it is a container.
#[derive(Clone, Copy)]
pub struct Command {
    /// The row.
    pub spec: Spec,
    /// The handler. A container's runs when no subcommand is given, which its arity forbids.
    pub run: Handler,
    /// Subcommands; their names are `container|name`.
    pub subcommands: &'static [Command],
    /// Finds keys that the key specs can't describe: indices into the arguments.
    pub find_keys: Option<FindKeys>,
    /// Tells what happens with the keys where that depends on other arguments.
    pub key_flags: Option<KeyFlagsOf>,
    /// Which arguments are channels.
    pub channels: Option<Channels>,
    /// Tells whether a request also touches keys that its arguments don't name.
    pub touches_unnamed: Option<TouchesUnnamed>,
    /// Tells the flags of a request whose row has `MAY_REPLICATE` if what it runs declares some.
    pub declared_flags: Option<DeclaredFlags>,
    /// Which arguments are elements of the key's collection that the request looks for, if it has no options.
    pub elements: Option<Elements>,
}

/// Elements among the arguments: every `step`th from the `first` on.
#[derive(Clone, Copy)]
pub struct Elements {
    /// The index of the first one.
    pub first: usize,
    /// How far the next one is.
    pub step: usize,
}

/// A handler: it reads `call.args`, works on `call.keys` and writes to `call.reply`.
pub type Handler = fn(&mut Call<'_>) -> Outcome;

/// Finds keys by looking at the arguments, the name being the first.
pub type FindKeys = fn(&[&[u8]]) -> Result<Vec<usize>, InvalidKeys>;

/// Tells from the arguments what happens with the keys.
pub type KeyFlagsOf = fn(&[&[u8]]) -> KeyFlags;
/// Tells from the arguments whether keys are touched that they don't name, so that every shard is needed.
pub type TouchesUnnamed = fn(&[&[u8]]) -> bool;

/// The flags of a request, given those of its row: what it runs may declare others.
pub type DeclaredFlags = fn(&Server, &[&[u8]], Flags) -> Flags;

/// What a handler returns: an error is answered as an error reply, whatever it wrote before is dropped.
pub type Outcome = Result<Next, Error>;

// It is handed through several functions for every command.
const _: () = assert!(size_of::<Outcome>() <= 32);

/// The handler is done and has written its reply.
pub const DONE: Outcome = Ok(Next::Done);

/// What happens after a handler.
pub enum Next {
    /// Nothing: the reply is complete.
    Done,
    /// Work on references to large values that writes the reply after unlocking.
    Later(Box<dyn FnOnce(&mut Reply) + Send>),
    /// Work on references after unlocking, whose result is then installed under the same locks.
    Compute(Compute),
    /// The reply is complete and the connection closes when it is written.
    Close,
    /// The client waits for one of its keys.
    Block(Box<Block>),
}

/// Work after unlocking; it returns what to do under the locks again.
pub type Compute = Box<dyn FnOnce() -> Install + Send>;

/// Installs a result under the locks; it may find its sources changed and ask to compute again.
pub type Install = Box<dyn FnOnce(&mut Call<'_>) -> Outcome + Send>;

/// What a blocked client waits for.
pub struct Block {
    /// Its keys, in the order in which they are looked at.
    pub keys: Vec<Vec<u8>>,
    /// When it gives up, in Unix ms; none: never.
    pub deadline: Option<i64>,
    /// The type that a key must have to be worth another try.
    pub wants: Type,
    /// Whether another try is also worth it when a key has gone or has another type: it answers an error.
    pub wakes_on_loss: bool,
    /// The request to try again, if it isn't the client's own: one whose meaning doesn't move with time.
    pub again: Option<OwnedRequest>,
    /// A position of the journal that it waits for instead of keys, to be answered when that is on disk.
    pub durable: Option<u64>,
    /// What it is answered when it gives up.
    pub timeout_reply: fn(&mut Reply),
}

impl Block {
    /// Waits for a value of a type at one of the keys, with the client's own request, and answers a null array when it
    /// gives up.
    pub fn new(keys: &[&[u8]], deadline: Option<i64>, wants: Type) -> Block {
        Block {
            keys: keys.iter().map(|key| key.to_vec()).collect(),
            deadline,
            wants,
            wakes_on_loss: false,
            again: None,
            durable: None,
            timeout_reply: Reply::null_array,
        }
    }
}

/// One command on its way through a handler.
pub struct Call<'a> {
    /// The arguments; the first is the name.
    pub args: &'a [&'a [u8]],
    /// The command's row.
    pub spec: &'static Spec,
    /// The keyspace.
    pub keys: View<'a>,
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// The connection.
    pub session: &'a mut Session,
    /// Everything else.
    pub server: &'a Arc<Server>,
    /// Whether the command comes from EXEC or a script: it must not block, and nothing is put off.
    pub nested: bool,
}

impl<'a> Call<'a> {
    /// The configuration as of the beginning of this turn.
    #[inline]
    pub fn settings(&self) -> &Settings {
        &self.session.settings
    }

    /// A cursor at the argument of index `from`.
    #[inline]
    pub fn args_from(&self, from: usize) -> Args<'a> {
        Args::new(&self.args[from..])
    }

    /// Keeps an argument out of whatever shows commands: the slow log, MONITOR.
    pub fn redact(&mut self, index: usize) {
        self.session.redacted.push(index);
    }

    /// Has the client wait for its keys; within a transaction or a script it gives up at once.
    pub fn block(&mut self, block: Block) -> Outcome {
        if self.nested {
            (block.timeout_reply)(self.reply);
            return DONE;
        }
        Ok(Next::Block(Box::new(block)))
    }

    /// After a command of a client with client-side caching: enters the client as a reader of the keys that the
    /// command has read, so that it hears when they change.
    #[cold]
    pub fn remember_reads(&mut self, command: &Command) {
        let remembers = self.session.tracking.as_ref().is_some_and(|tracking| tracking.remembers());
        // What stands for others reads nothing itself, and shard channels are no keys.
        let reads = command.spec.flags.contains(Flags::READONLY)
            && !command.spec.flags.intersects(Flags::SKIP_MONITOR | Flags::PUBSUB);
        if remembers && reads {
            let (args, reader) = (self.args, self.session.client.id);
            // A command that contradicts itself has read no key.
            let _ = command.for_each_key(args, &mut |at| self.keys.remember(args[at], reader));
        }
    }

    /// Runs a command as a part of this one, under its locks, and writes its reply. Nothing is put off.
    ///
    /// # Errors
    /// What the command answers; nothing of its reply is left then.
    pub fn run_nested(&mut self, listed: &Listed, args: &[&[u8]]) -> Result<(), Error> {
        run_part((&mut self.keys, self.session, self.server), self.reply, listed, args)
    }

    /// The same with another reply: that of a script's command doesn't go to the client.
    ///
    /// # Errors
    /// As above.
    pub fn run_aside(&mut self, reply: &mut Reply, listed: &Listed, args: &[&[u8]]) -> Result<(), Error> {
        run_part((&mut self.keys, self.session, self.server), reply, listed, args)
    }

    /// Runs a handler and puts down for the journal what it has changed.
    ///
    /// # Errors
    /// Those of the handler.
    #[inline]
    pub fn run_recorded(&mut self, run: impl FnOnce(&mut Call<'a>) -> Outcome) -> Outcome {
        if self.keys.propagates() { self.record(run) } else { run(self) }
    }

    fn record(&mut self, run: impl FnOnce(&mut Call<'a>) -> Outcome) -> Outcome {
        let (db, before) = (self.keys.db(), self.keys.effects.dirty);
        self.keys.effects.propagation.begin();
        let outcome = run(self);
        if self.keys.effects.dirty != before && self.spec.flags.contains(Flags::WRITE) {
            self.keys.effects.propagation.end(db, self.args);
        }
        outcome
    }

    /// Speaks another protocol from here on.
    pub fn speak(&mut self, protocol: Protocol) {
        self.reply.set_protocol(protocol);
        self.session.client.resp.store(protocol as u8, Ordering::Relaxed);
    }

    /// Whether work on large values may be put off until the locks are released.
    pub fn may_put_off(&self) -> bool {
        !self.nested && !self.keys.has_everything()
    }
}

/// See [`Call::run_nested`].
fn run_part(
    (keys, session, server): (&mut View<'_>, &mut Session, &Arc<Server>),
    reply: &mut Reply,
    listed: &Listed,
    args: &[&[u8]],
) -> Result<(), Error> {
    let command = listed.command;
    let mut hashes: SmallVec<[u64; 16]> = SmallVec::new();
    let mut last = 0;
    match listed.single_key {
        Some(at) if at < args.len() => {
            hashes.push(Keyspace::hash(args[at]));
            last = at;
        }
        // A command that contradicts itself touches no key: it answers an error.
        _ => {
            let _ = command.for_each_key(args, &mut |at| {
                hashes.push(Keyspace::hash(args[at]));
                last = at;
            });
        }
    }
    let everything = command.flags_for(args).intersects(Flags::EXCLUSIVE | Flags::ALL_KEYS);
    let plan = if everything { Plan::Everything } else { Plan::Keys(&hashes) };
    let from = reply.len();
    let mut keys = keys.lend(session.db, plan);
    if let [hash] = hashes[..] {
        keys.know(args[last], hash);
    }
    let spec = &command.spec;
    let mut part = Call { args, spec, keys, reply: &mut *reply, session, server, nested: true };
    let outcome = part.run_recorded(|part| {
        let mut outcome = (command.run)(part);
        while let Ok(Next::Compute(compute)) = outcome {
            outcome = compute()(part);
        }
        outcome
    });
    if part.session.tracking.is_some() {
        part.remember_reads(command);
    }
    drop(part);
    match outcome {
        Ok(Next::Later(work)) => work(reply),
        Ok(_) => {}
        Err(error) => {
            reply.truncate(from);
            return Err(error);
        }
    }
    Ok(())
}

/// Tells the journal that a command has deleted a key by giving it a deadline in the past.
pub fn propagate_expired(call: &mut Call<'_>, key: &[u8]) {
    let verb: &[u8] = if call.settings().memory.lazyfree_expire { b"UNLINK" } else { b"DEL" };
    call.keys.propagate_instead(&[verb, key]);
}

/// Answers a string as a bulk.
#[inline]
pub fn write_string(reply: &mut Reply, string: StrRef<'_>) {
    match string {
        StrRef::Int(n) => reply.bulk_int(n),
        StrRef::Bytes(bytes) => reply.bulk(bytes),
        StrRef::Heap(bytes) => reply.bulk(bytes),
    }
}

/// Answers an element of a collection as a bulk.
#[inline]
pub fn write_item(reply: &mut Reply, item: Item<'_>) {
    match item {
        Item::Int(n) => reply.bulk_int(n),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

impl Command {
    /// A command without subcommands.
    pub const fn new(spec: Spec, run: Handler) -> Command {
        Command {
            spec,
            run,
            subcommands: &[],
            find_keys: None,
            key_flags: None,
            channels: None,
            touches_unnamed: None,
            declared_flags: None,
            elements: None,
        }
    }

    /// A container of subcommands.
    pub const fn container(spec: Spec, subcommands: &'static [Command]) -> Command {
        let wrong_arity: Handler = |call| Err(crate::command::error::wrong_arity(call.spec.name));
        Command::new(spec, wrong_arity).subcommands(subcommands)
    }

    /// Adds subcommands; without one of them its own handler runs.
    pub const fn subcommands(mut self, subcommands: &'static [Command]) -> Command {
        self.subcommands = subcommands;
        self
    }

    /// Sets the arguments in its row.
    pub const fn syntax(mut self, syntax: &'static str) -> Command {
        self.spec = self.spec.syntax(syntax);
        self
    }

    /// Says in its row that it isn't to be used any more.
    pub const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Command {
        self.spec = self.spec.deprecated(since, replaced_by);
        self
    }

    /// Adds a finder for keys that the specs can't describe.
    pub const fn find_keys(mut self, find: FindKeys) -> Command {
        self.find_keys = Some(find);
        self
    }

    /// Adds what tells from the arguments what happens with the keys: for specs with `VARIABLE_FLAGS`.
    pub const fn key_flags(mut self, flags: KeyFlagsOf) -> Command {
        self.key_flags = Some(flags);
        self
    }

    /// Says which arguments are channels.
    pub const fn channels(mut self, channels: Channels) -> Command {
        self.channels = Some(channels);
        self
    }

    /// Adds what tells whether a request touches keys that its arguments don't name.
    pub const fn touches_unnamed(mut self, tell: TouchesUnnamed) -> Command {
        self.touches_unnamed = Some(tell);
        self
    }

    /// Adds what tells the flags that a request declares.
    pub const fn declared_flags(mut self, tell: DeclaredFlags) -> Command {
        self.declared_flags = Some(tell);
        self
    }

    /// Says which arguments are elements that it looks for: every `step`th from the `first` on.
    pub const fn elements(mut self, first: usize, step: usize) -> Command {
        self.elements = Some(Elements { first, step });
        self
    }

    /// The flags under which a request runs: those of the row, and `EXCLUSIVE` if its keys can't be known beforehand.
    #[inline]
    pub fn flags_for(&self, args: &[&[u8]]) -> Flags {
        match self.touches_unnamed {
            Some(tell) if tell(args) => self.spec.flags | Flags::EXCLUSIVE,
            _ => self.spec.flags,
        }
    }

    /// Whether its requests differ in nothing but keys and values for those who admit them.
    pub fn is_uniform(&self) -> bool {
        let varied = Flags::EXCLUSIVE | Flags::MAY_REPLICATE | Flags::TRANSACTION;
        self.touches_unnamed.is_none() && !self.spec.flags.intersects(varied)
    }

    /// Calls `found` with the index of each key in `args`.
    ///
    /// # Errors
    /// If the arguments contradict themselves about where keys are.
    pub fn for_each_key(&self, args: &[&[u8]], found: &mut dyn FnMut(usize)) -> Result<(), InvalidKeys> {
        if let Some(find) = self.find_keys {
            find(args)?.into_iter().for_each(found);
            return Ok(());
        }
        let mut keys = self.spec.keys.iter().filter(|keys| !keys.flags.contains(KeyFlags::NOT_KEY));
        keys.try_for_each(|keys| keys.for_each(args, found))
    }

    /// Where the keys stand, as [`Command::for_each_key`] finds them, and what happens with each.
    ///
    /// # Errors
    /// If the arguments contradict themselves about where keys are.
    pub fn key_uses(&self, args: &[&[u8]]) -> Result<SmallVec<[KeyUse; 4]>, InvalidKeys> {
        let mut found = SmallVec::new();
        let specs = || self.spec.keys.iter().filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY));
        for spec in specs() {
            let flags = self.key_flags.map_or(spec.flags, |flags| flags(args));
            let before = found.len();
            let specified = spec.for_each(args, &mut |at| found.push(KeyUse { at, flags }));
            if specified.is_ok() && found.len() == before && matches!(spec.find, Find::Count { .. }) {
                // No command that has another key accepts a count of 0: it touches none.
                return Ok(SmallVec::new());
            }
            // Where the specs give up, the finder below may know better.
            if self.find_keys.is_none() {
                specified?;
            }
        }
        let Some(find) = self.find_keys else { return Ok(found) };
        // SORT describes two such places, and finds keys in the second only. A key that no spec describes is used in
        // every way.
        let unspecified = specs().rfind(|spec| spec.begin == Begin::Unknown).map(|spec| spec.flags);
        let any = || specs().fold(KeyFlags::empty(), |all, spec| all | spec.flags);
        let unspecified = unspecified.unwrap_or_else(any);
        let flags_of =
            |at| found.iter().find(|known| known.at == at).map_or(unspecified, |known| known.flags);
        // What the finder can't read the command refuses: then it's enough to tell what the specs say.
        let Ok(uses) = find(args) else { return Ok(found) };
        Ok(uses.into_iter().map(|at| KeyUse { at, flags: flags_of(at) - KeyFlags::INCOMPLETE }).collect())
    }
}
