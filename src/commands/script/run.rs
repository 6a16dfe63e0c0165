//! Running a script: its admission, and the commands that it calls.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::acl::Context;
use crate::base::clock::monotonic_ns;
use crate::base::num::parse_i64;
use crate::client::Source;
use crate::command::error::{self, Error};
use crate::command::spec::{Categories, Flags};
use crate::commands::account::account;
use crate::commands::server::monitor;
use crate::commands::server::rdb::{script_refusal, write_refusal};
use crate::commands::{Call, DONE, Found, Listed, Outcome, Server, permission};
use crate::resp::Reply;
use crate::script::{Code, Failure, Host, Run, ScriptFlags, Sha, Vm, promises, sha_of};

pub fn eval(call: &mut Call<'_>) -> Outcome {
    run(call, false, false)
}

pub fn eval_ro(call: &mut Call<'_>) -> Outcome {
    run(call, false, true)
}

pub fn evalsha(call: &mut Call<'_>) -> Outcome {
    run(call, true, false)
}

pub fn evalsha_ro(call: &mut Call<'_>) -> Outcome {
    run(call, true, true)
}

/// The flags of a request whose script's first line declares some.
pub fn eval_flags(_: &Server, args: &[&[u8]], flags: Flags) -> Flags {
    as_declared(flags, promises(args[1]))
}

/// The same of a script that is known by its SHA1.
pub fn evalsha_flags(server: &Server, args: &[&[u8]], flags: Flags) -> Flags {
    as_declared(flags, server.scripts.lock().flags_of(args[1]))
}

/// The same of a function.
pub fn fcall_flags(server: &Server, args: &[&[u8]], flags: Flags) -> Flags {
    let function = server.functions.lock().find(args[1]);
    as_declared(flags, function.map(|function| function.flags))
}

fn as_declared(mut flags: Flags, declared: Option<ScriptFlags>) -> Flags {
    if let Some(declared) = declared.filter(|declared| !declared.contains(ScriptFlags::COMPAT)) {
        let writes = !declared.contains(ScriptFlags::NO_WRITES);
        flags.remove(Flags::MAY_REPLICATE);
        flags.set(Flags::WRITE, writes);
        flags.set(Flags::DENYOOM, writes && !declared.contains(ScriptFlags::ALLOW_OOM));
    }
    flags
}

fn run(call: &mut Call<'_>, by_sha: bool, reads_only: bool) -> Outcome {
    let body = call.args[1];
    if by_sha && body.len() != 40 {
        return Err(error::NOSCRIPT);
    }
    let count = call.args_from(2).int()?;
    let args = &call.args[3..];
    let (keys, args) = args.split_at(key_count(count, args)?);
    let server = call.server;
    let scripts = &server.scripts;
    let mut state = scripts.lock();
    let known = match Sha::try_from(body) {
        Ok(sha) if by_sha => {
            let sha = sha.map(|byte| byte.to_ascii_lowercase());
            state.find(&sha).map(|script| (sha, script))
        }
        _ => state.find_text(body),
    };
    let (sha, script) = match known {
        Some(known) => known,
        None if by_sha => return Err(error::NOSCRIPT),
        None => {
            let sha = sha_of(body);
            (sha, state.add(&scripts.running, body, sha, false)?)
        }
    };
    let run = Run { name: &sha, keys, args };
    let vm = state.vm(&scripts.running)?;
    execute(call, vm, &run, (script.code, script.flags), reads_only)
}

pub fn fcall(call: &mut Call<'_>) -> Outcome {
    run_function(call, false)
}

pub fn fcall_ro(call: &mut Call<'_>) -> Outcome {
    run_function(call, true)
}

fn run_function(call: &mut Call<'_>, reads_only: bool) -> Outcome {
    let server = call.server;
    let mut libraries = server.functions.lock();
    let name = call.args[1];
    let function = libraries.find(name).ok_or(error::FUNCTION_NOT_FOUND)?;
    let count = parse_i64(call.args[2]).ok_or(error::FUNCTION_KEYS)?;
    let args = &call.args[3..];
    let (keys, args) = args.split_at(key_count(count, args)?);
    let run = Run { name, keys, args };
    let vm = libraries.vm(&server.scripts.running)?;
    execute(call, vm, &run, (function.code, function.flags), reads_only)
}

/// How many of the arguments are keys.
fn key_count(keys: i64, args: &[&[u8]]) -> Result<usize, Error> {
    if keys > args.len() as i64 {
        return Err(error::SCRIPT_KEYS_BEYOND_ARGS);
    }
    usize::try_from(keys).map_err(|_| error::SCRIPT_KEYS_NEGATIVE)
}

/// Runs a script or a function that is found.
fn execute(
    call: &mut Call<'_>,
    vm: &mut Vm,
    run: &Run<'_>,
    (code, flags): (Code, ScriptFlags),
    reads_only: bool,
) -> Outcome {
    let out_of_memory = call.session.out_of_memory.get();
    admit(call, flags, reads_only)?;
    let declared = !flags.contains(ScriptFlags::COMPAT);
    let no_writes = reads_only || declared && flags.contains(ScriptFlags::NO_WRITES);
    let allow_oom = declared && flags.contains(ScriptFlags::ALLOW_OOM);
    let db = call.session.db;
    if !call.nested {
        call.session.frozen_us = None;
    }
    let mut out = std::mem::take(call.reply);
    let from = out.len();
    let mut host =
        Caller { call, no_writes, checks_memory: out_of_memory && !allow_oom, wrote: false, failed: false };
    let outcome = vm.run(code, run, &mut host, &mut out);
    host.journal(true);
    let failed = host.failed;
    *call.reply = out;
    call.session.db = db;
    match outcome {
        Ok(()) if !failed => {}
        Ok(()) => note_failure(call),
        Err(Failure { text, counted: false }) => return Err(Error::new(text)),
        Err(Failure { text, counted: true }) => {
            call.reply.truncate(from);
            call.reply.error(text);
            note_failure(call);
        }
    }
    DONE
}

/// Counts a script as failed that answers an error by itself.
fn note_failure(call: &Call<'_>) {
    if let Found::Command(listed) = call.server.catalog.find(call.args) {
        call.server.stats.failed(listed.id);
    }
}

/// What a script's first line promises, against the state of the server; in Redis's order.
fn admit(call: &Call<'_>, flags: ScriptFlags, reads_only: bool) -> Result<(), Error> {
    if flags.intersects(ScriptFlags::COMPAT | ScriptFlags::NO_WRITES) {
        return Ok(());
    }
    if !call.nested {
        admit_writer(call, flags)?;
    }
    if let Some(refusal) = script_refusal(call.server, call.settings()) {
        return Err(refusal);
    }
    if reads_only {
        return Err(error::SCRIPT_WRITES_IN_RO);
    }
    if call.settings().replication.wants_good_replicas() {
        return Err(error::NO_REPLICAS);
    }
    if call.session.out_of_memory.get() && !flags.contains(ScriptFlags::ALLOW_OOM) {
        return Err(error::SCRIPT_OOM);
    }
    Ok(())
}

/// What is asked of any command that may write and need memory. To Redis a script is one if its first line says so,
/// and then its state of being a script comes second.
fn admit_writer(call: &Call<'_>, flags: ScriptFlags) -> Result<(), Error> {
    if call.session.out_of_memory.get() && !flags.contains(ScriptFlags::ALLOW_OOM) {
        return Err(error::OOM);
    }
    if let Some(refusal) = write_refusal(call.server, call.settings()) {
        return Err(refusal);
    }
    if call.settings().replication.wants_good_replicas() {
        return Err(error::NO_REPLICAS);
    }
    Ok(())
}

/// Runs the commands of a script on behalf of the client that runs the script.
struct Caller<'c, 'a> {
    call: &'c mut Call<'a>,
    no_writes: bool,
    /// Whether commands that need memory are refused until the script has written something.
    checks_memory: bool,
    wrote: bool,
    /// Whether an error has been answered.
    failed: bool,
}

impl Caller<'_, '_> {
    /// Whether a command that is not for scripts may run all the same; never one that would wait for this script.
    #[cold]
    fn is_unbound(&self, listed: &Listed) -> bool {
        let runs_scripts = listed.command.spec.explicit_categories.contains(Categories::SCRIPTING);
        self.call.server.scripts.unbound.load(Ordering::Relaxed) && !runs_scripts
    }

    /// Whether a command may run; in Redis's order.
    fn admit(&self, listed: &Listed, args: &[&[u8]]) -> Result<(), Error> {
        let flags = listed.command.spec.flags;
        if flags.contains(Flags::NOSCRIPT) && !self.is_unbound(listed) {
            return Err(error::SCRIPT_COMMAND_NOT_ALLOWED);
        }
        let Call { server, session, .. } = &*self.call;
        permission::check(session.identity.user(), listed, args)
            .map_err(|denied| permission::refuse(server, session, (listed, args), denied, Context::Script))?;
        if self.no_writes && flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE) {
            return Err(error::SCRIPT_MAY_NOT_WRITE);
        }
        if flags.contains(Flags::WRITE)
            && let Some(refusal) = write_refusal(self.call.server, self.call.settings())
        {
            return Err(refusal);
        }
        if flags.contains(Flags::WRITE) && self.call.settings().replication.wants_good_replicas() {
            return Err(error::NO_REPLICAS);
        }
        if self.checks_memory && !self.wrote && flags.contains(Flags::DENYOOM) {
            return Err(error::OOM);
        }
        Ok(())
    }
}

impl Host for Caller<'_, '_> {
    fn call(&mut self, args: &[&[u8]], reply: &mut Reply) -> Result<(), Vec<u8>> {
        let server = self.call.server;
        let refused = |refusal: &Error| {
            server.stats.error(refusal.code());
            refusal.text().to_vec()
        };
        let Found::Command(listed) = server.catalog.find(args) else {
            return Err(refused(&error::SCRIPT_UNKNOWN_COMMAND));
        };
        let spec = &listed.command.spec;
        if !spec.admits(args.len()) {
            server.stats.rejected(listed.id);
            return Err(refused(&error::SCRIPT_WRONG_ARITY));
        }
        if let Err(refusal) = self.admit(listed, args) {
            server.stats.rejected(listed.id);
            return Err(refused(&refusal));
        }
        if spec.flags.contains(Flags::WRITE) && !self.wrote {
            self.wrote = true;
            server.scripts.running.write();
        }
        let begun = monotonic_ns();
        let outcome = self.call.run_aside(reply, listed, args);
        monitor::after(server, spec, args, self.call.session, Source::Script);
        account(
            server,
            listed,
            args,
            self.call.session,
            monotonic_ns().saturating_sub(begun),
            outcome.is_err(),
        );
        outcome.map_err(|failure| refused(&failure))
    }

    fn patience(&self) -> Option<Duration> {
        let threshold = self.call.settings().execution.busy_reply_threshold_ms;
        (threshold > 0).then(|| Duration::from_millis(threshold))
    }

    fn time_goes_on(&mut self) {
        self.call.session.frozen_us = None;
    }

    fn journal(&mut self, kept: bool) {
        self.call.keys.effects.propagation.mute(!kept);
    }

    fn answers_error(&mut self, text: &[u8], counted: bool) {
        self.failed = true;
        if !counted {
            self.call.server.stats.error(Error::new(text).code());
        }
    }

    fn command(&self) -> Vec<Box<[u8]>> {
        self.call.args.iter().map(|&arg| arg.into()).collect()
    }

    fn may_call(&mut self, args: &[&[u8]]) -> Option<bool> {
        match self.call.server.catalog.find(args) {
            Found::Command(listed) => {
                Some(permission::check(self.call.session.identity.user(), listed, args).is_ok())
            }
            _ => None,
        }
    }
}
