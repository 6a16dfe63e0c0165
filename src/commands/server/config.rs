//! CONFIG: reading, changing and keeping the configuration, and resetting the counters.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use super::{Server, aof};
use crate::base::oom_score::{self, OomScore};
use crate::base::{alloc, open_files, reaper, replace};
use crate::command::row::*;
use crate::command::{Error, error};
use crate::commands::{Call, Command, DONE, Outcome, help};
use crate::config::{self, Caller, ConfigError, Prepared, Scope, Settings, Veto};
use crate::observe::crash;

const GROUP: &str = "server";
const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const fn row(name: &'static str, arity: i32) -> Spec {
    Spec::new(name, arity).flags(&[ADMIN, LOADING, NOSCRIPT, STALE])
}

pub(super) const CONFIG: Command = Command::container(
    Spec::new("config", -2).doc(GROUP, "2.0.0", "Depends on the subcommand.", "Configuration and counters."),
    &[
        Command::new(
            row("config|get", -3)
                .doc(
                    GROUP,
                    "2.0.0",
                    "O(N) where N is the number of directives",
                    "Returns directives and their values.",
                )
                .syntax("parameter*"),
            get,
        ),
        Command::new(help::row("config|help", GROUP, "5.0.0"), config_help),
        Command::new(
            row("config|resetstat", 2).tips(ALL_NODES).doc(
                GROUP,
                "2.0.0",
                "O(1)",
                "Starts the counters of INFO anew.",
            ),
            reset_statistics,
        ),
        Command::new(
            row("config|rewrite", 2).tips(ALL_NODES).doc(
                GROUP,
                "2.8.0",
                "O(1)",
                "Writes the configuration into the file it was read from.",
            ),
            |call| rewrite(call, Scope::Changed),
        ),
        Command::new(
            row("config|set", -4)
                .tips(ALL_NODES)
                .doc(
                    GROUP,
                    "2.0.0",
                    "O(N) where N is the number of directives given",
                    "Changes directives, all or none.",
                )
                .syntax("data:(parameter value)*"),
            set,
        ),
    ],
);

impl From<ConfigError> for Error {
    fn from(failure: ConfigError) -> Error {
        Error::new(format!("{} {failure}", failure.code()))
    }
}

fn get(call: &mut Call<'_>) -> Outcome {
    let found = call.server.config.get(&call.args[2..]);
    call.reply.map(found.len());
    for (name, value) in found {
        call.reply.bulk(&name);
        call.reply.bulk(&value);
    }
    DONE
}

fn set(call: &mut Call<'_>) -> Outcome {
    let pairs = call.args[2..].chunks_exact(2);
    let complete = pairs.remainder().is_empty();
    let pairs: Vec<(&[u8], &[u8])> = pairs.map(|pair| (pair[0], pair[1])).collect();
    for (index, (name, _)) in pairs.iter().enumerate() {
        if config::directive(name).is_some_and(|directive| directive.flags.sensitive) {
            call.redact(3 + 2 * index);
        }
    }
    if !complete {
        return Err(error::SYNTAX);
    }
    let server = call.server;
    let caller =
        Caller::Client { local: call.session.client.is_local(), loading: call.server.loading.is_active() };
    let prepared = server.config.prepare(&pairs, caller)?;
    match act(server, &prepared) {
        Ok(()) => tell(server, &prepared),
        Err((name, veto)) => return Err(prepared.veto(name, veto).into()),
    }
    prepared.commit();
    // What follows in the same pipeline runs under the new settings.
    call.session.settings = server.config.settings();
    server.clients.limits.refresh(server.config.version(), &call.session.settings);
    server.clients.weigh();
    server.evict_clients();
    call.reply.ok();
    DONE
}

/// Acts on changes that can fail. When one does, nothing has changed.
fn act(server: &Arc<Server>, prepared: &Prepared<'_>) -> Result<(), (&'static str, Veto)> {
    let (changes, settings) = (prepared.changes(), prepared.settings());
    if changes.has("maxclients") {
        let wanted = settings.clients.maxclients;
        let possible = open_files::allow_clients(wanted);
        if possible < wanted {
            return Err(("maxclients", Veto::MaxClients(possible)));
        }
    }
    if changes.has("activedefrag") && settings.memory.active_defrag {
        return Err(("activedefrag", Veto::ActiveDefrag));
    }
    score(prepared)?;
    let moved = move_sockets(server, prepared).and_then(|()| move_files(server, prepared));
    if moved.is_err() {
        // The kernel took the score of before a moment ago.
        follow_oom_score(&server.config.settings());
    }
    moved
}

/// Works in the folder that the new settings say, with or without an append only file.
fn move_files(server: &Arc<Server>, prepared: &Prepared<'_>) -> Result<(), (&'static str, Veto)> {
    let (changes, settings) = (prepared.changes(), prepared.settings());
    if changes.has("dir")
        && let Err(failure) = std::env::set_current_dir(&settings.snapshots.dir)
    {
        // The check of the value has just found it to be a folder.
        tracing::warn!("Can't change to the folder that was just checked: {failure}");
    }
    if changes.has("appendonly") {
        match settings.aof.enabled {
            true => aof::switch_on(server).map_err(|_| ("appendonly", Veto::AppendOnly))?,
            false => aof::switch_off(server),
        }
    }
    Ok(())
}

/// Takes the new OOM score.
fn score(prepared: &Prepared<'_>) -> Result<(), (&'static str, Veto)> {
    let mut names = prepared.changes().iter().map(|directive| directive.name);
    let culprit = names.find(|name| matches!(*name, "oom-score-adj" | "oom-score-adj-values"));
    match culprit {
        Some(culprit) if !follow_oom_score(prepared.settings()) => Err((culprit, Veto::OomScore)),
        _ => Ok(()),
    }
}

/// Has the kernel end the server as readily as the settings say. Whether it will; if not, the log says why.
pub fn follow_oom_score(settings: &Settings) -> bool {
    let value = settings.process.oom_score_value;
    let set = oom_score::set(match settings.process.oom_score {
        config::OomScore::Off => OomScore::AsFound,
        config::OomScore::Relative => OomScore::Relative(value),
        config::OomScore::Absolute => OomScore::Absolute(value),
    });
    if let Err(failure) = &set {
        tracing::warn!("Unable to write oom_score_adj: {failure}");
    }
    set.is_ok()
}

/// Listens where the new settings say, with the certificates they name: /metrics and then clients, or neither.
fn move_sockets(server: &Arc<Server>, prepared: &Prepared<'_>) -> Result<(), (&'static str, Veto)> {
    let settings = prepared.settings();
    let first = |concerns: fn(&str) -> bool| {
        let name = prepared.changes().iter().map(|directive| directive.name).find(|name| concerns(name));
        name.map(|name| (name, if name.ends_with("bind") { Veto::Bind } else { Veto::Port }))
    };
    let metrics = first(|name| matches!(name, "metrics-port" | "metrics-bind"));
    if let Some(culprit) = &metrics {
        server.metrics.serve(&settings.observe, server).map_err(|failure| {
            tracing::warn!("Failed listening: {failure}");
            culprit.clone()
        })?;
    }
    let moved = move_clients(
        server,
        settings,
        first(|name| name.starts_with("tls-")).map(|culprit| culprit.0),
        first(|name| matches!(name, "port" | "bind" | "tls-port")),
    );
    if moved.is_err() && metrics.is_some() {
        // It was there a moment ago; if it can't be again, the log says so.
        let back = server.metrics.serve(&server.config.settings().observe, server);
        back.unwrap_or_else(|failure| tracing::warn!("Failed listening: {failure}"));
    }
    moved
}

/// Renews TLS and moves the sockets of clients, whichever has a culprit to name if it fails.
fn move_clients(
    server: &Server,
    settings: &Settings,
    tls: Option<&'static str>,
    sockets: Option<(&'static str, Veto)>,
) -> Result<(), (&'static str, Veto)> {
    let Some(listening) = server.listening.get() else { return Ok(()) };
    let renewed = tls.map(|culprit| {
        listening.renew_tls(settings).map_err(|why| {
            tracing::warn!("{why}");
            (culprit, Veto::Tls)
        })
    });
    let renewed = renewed.transpose()?;
    let Some(culprit) = sockets else { return Ok(()) };
    listening.rebind(settings).map_err(|_| {
        if let Some(put_back) = renewed {
            put_back();
        }
        culprit
    })
}

/// Has unused memory go back to the operating system by itself, or no longer; sooner where `maxmemory` is set.
pub fn give_back_unused(settings: &Settings) {
    let (enabled, limited) = (settings.process.jemalloc_bg_thread, settings.memory.maxmemory != 0);
    if let Err(error) = alloc::set_background_purging(enabled, limited) {
        tracing::warn!(
            "Can't {} the allocator's background thread: {error}",
            if enabled { "start" } else { "stop" }
        );
    }
}

/// Tells those who keep a copy of a setting, and the log.
fn tell(server: &Server, prepared: &Prepared<'_>) {
    let (changes, settings) = (prepared.changes(), prepared.settings());
    aof::follow(&server.keyspace.journal, settings);
    if changes.has("crash-log-enabled") {
        crash::set_enabled(settings.process.crash_log);
    }
    if changes.has("loglevel") {
        server.log.set_level(settings.log.level);
    }
    if changes.has("jemalloc-bg-thread") || changes.has("maxmemory") {
        give_back_unused(settings);
    }
    if changes.has("slowlog-max-len") {
        server.slow_log.trim(settings.observe.slowlog_max_len);
    }
    if changes.has("aof-disable-auto-gc") {
        aof::remove_history(server, settings);
    }
    if changes.has("requirepass") {
        server.acl.set_default_password(settings.security.requirepass.as_deref());
    }
    let Settings { memory, .. } = settings;
    let used = alloc::used() as u64;
    if changes.has("maxmemory") && memory.maxmemory != 0 && memory.maxmemory < used {
        tracing::warn!(
            "The new maxmemory, {} bytes, is less than the {used} in use: keys go or writes are refused, as maxmemory-policy says.",
            memory.maxmemory
        );
    }
}

/// Writes the configuration into its file.
///
/// # Errors
/// If there is none, or it can't be written.
pub fn rewrite(call: &mut Call<'_>, scope: Scope) -> Outcome {
    let config = &call.server.config;
    let file = config.file().ok_or(ConfigError::NoFile)?;
    let existing = match fs::read(file) {
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    };
    let users: Vec<Vec<u8>> = call.server.acl.all().iter().map(|user| user.line()).collect();
    let written =
        existing.and_then(|existing| replace::replace(file, &config.rewrite(&existing, &users, scope)));
    if let Err(failure) = written {
        tracing::warn!("CONFIG REWRITE failed: {failure}");
        return Err(ConfigError::rewrite(&failure).into());
    }
    tracing::info!("CONFIG REWRITE executed with success.");
    call.reply.ok();
    DONE
}

fn reset_statistics(call: &mut Call<'_>) -> Outcome {
    call.server.stats.reset();
    call.server.saves.reset_count();
    call.server.keyspace.reset_counters();
    call.server.scripts.lock().evicted = 0;
    reaper::reset_freed();
    call.reply.ok();
    DONE
}

fn config_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("GET <pattern> [<pattern> ...]", "Directives that match a pattern, with their values."),
            ("RESETSTAT", "Start the counters of INFO anew."),
            ("REWRITE", "Write the configuration into its file."),
            ("SET <directive> <value> [<directive> <value> ...]", "Change directives."),
        ],
    )
}
