//! LATENCY: the latency monitor and the histograms of commands.

use std::collections::BTreeSet;

use crate::base::clock;
use crate::command::error;
use crate::command::row::*;
use crate::commands::{Call, Command, DONE, Listed, Outcome, help};
use crate::observe::{info, latency, whole_histogram};

const GROUP: &str = "server";
const TIPS: &[&str] = &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

const fn row(name: &'static str, arity: i32) -> Spec {
    Spec::new(name, arity).flags(&[ADMIN, LOADING, NOSCRIPT, STALE])
}

pub(super) const LATENCY: Command = Command::container(
    Spec::new("latency", -2).doc(
        GROUP,
        "2.8.13",
        "Depends on the subcommand.",
        "What took long, and how long.",
    ),
    &[
        Command::new(
            row("latency|doctor", 2).tips(TIPS).doc(GROUP, "2.8.13", "O(1)", "Describes latencies in words."),
            doctor,
        ),
        Command::new(
            row("latency|graph", 3)
                .tips(TIPS)
                .doc(GROUP, "2.8.13", "O(1)", "Draws the latencies of an event.")
                .syntax("event"),
            graph,
        ),
        Command::new(help::row("latency|help", GROUP, "2.8.13"), latency_help),
        Command::new(
            row("latency|histogram", -2)
                .tips(TIPS)
                .doc(
                    GROUP,
                    "7.0.0",
                    "O(N) where N is the number of commands asked for",
                    "Returns how long calls of commands took, as cumulative distributions.",
                )
                .syntax("[command*]"),
            histogram,
        ),
        Command::new(
            row("latency|history", 3)
                .tips(TIPS)
                .doc(GROUP, "2.8.13", "O(1)", "Returns the samples of an event.")
                .syntax("event"),
            history,
        ),
        Command::new(
            row("latency|latest", 2).tips(TIPS).doc(
                GROUP,
                "2.8.13",
                "O(1)",
                "Returns the last sample of each event.",
            ),
            latest,
        ),
        Command::new(
            row("latency|reset", -2)
                .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
                .doc(GROUP, "2.8.13", "O(1)", "Drops the samples of some events, or of all.")
                .syntax("[event*]"),
            reset,
        ),
    ],
);

fn unix_s() -> i64 {
    clock::unix_ms() / 1000
}

fn history(call: &mut Call<'_>) -> Outcome {
    let samples =
        call.server.latency.event(call.args[2]).map(|(_, series)| series.samples).unwrap_or_default();
    call.reply.array(samples.len());
    for sample in samples {
        call.reply.array(2);
        call.reply.int(sample.time);
        call.reply.int(sample.latency as i64);
    }
    DONE
}

fn latest(call: &mut Call<'_>) -> Outcome {
    let latest = call.server.latency.latest();
    call.reply.array(latest.len());
    for (event, sample, worst) in latest {
        call.reply.array(4);
        call.reply.bulk(event.as_bytes());
        call.reply.int(sample.time);
        call.reply.int(sample.latency as i64);
        call.reply.int(worst as i64);
    }
    DONE
}

fn graph(call: &mut Call<'_>) -> Outcome {
    let event = call.args[2];
    let (event, series) = call.server.latency.event(event).ok_or_else(|| error::no_latency_samples(event))?;
    call.reply.verbatim("txt", latency::graph(event, &series, unix_s()).as_bytes());
    DONE
}

fn doctor(call: &mut Call<'_>) -> Outcome {
    let observe = &call.settings().observe;
    let circumstances = latency::Circumstances {
        threshold_ms: observe.latency_monitor_threshold_ms,
        slow_log_us: observe.slowlog_slower_than_us.filter(|_| observe.slowlog_max_len != 0),
        now: unix_s(),
    };
    let report = latency::report(&call.server.latency.events(), &circumstances);
    call.reply.verbatim("txt", report.as_bytes());
    DONE
}

fn reset(call: &mut Call<'_>) -> Outcome {
    let monitor = &call.server.latency;
    let forgotten = match &call.args[2..] {
        [] => monitor.forget(None),
        events => events.iter().map(|event| monitor.forget(Some(event))).sum(),
    };
    call.reply.int(forgotten as i64);
    DONE
}

fn histogram(call: &mut Call<'_>) -> Outcome {
    let (catalog, names) = (&call.server.catalog, &call.args[2..]);
    let named: Vec<&Listed> = names.iter().filter_map(|name| catalog.find_full_name(name)).collect();
    let all = if names.is_empty() { catalog.all() } else { &[] };
    let with_subcommands = |listed| std::iter::once(listed).chain(catalog.subcommands(listed));
    let commands = all.iter().chain(named.into_iter().flat_map(with_subcommands));
    let mut seen = BTreeSet::new();
    let map = call.reply.defer();
    let mut histogram = whole_histogram();
    for listed in commands {
        if !call.server.stats.latency(listed.id, &mut histogram) || !seen.insert(listed.id) {
            continue;
        }
        let buckets = info::buckets(&histogram);
        call.reply.bulk(listed.command.spec.name.as_bytes());
        call.reply.map(2);
        call.reply.bulk(b"calls");
        call.reply.int(histogram.len() as i64);
        call.reply.bulk(b"histogram_usec");
        call.reply.map(buckets.len());
        for (usec, calls) in buckets {
            call.reply.int(usec as i64);
            call.reply.int(calls as i64);
        }
    }
    call.reply.finish_map(map, seen.len());
    DONE
}

fn latency_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("DOCTOR", "The latencies of all events in words, and what may help."),
            ("GRAPH <event>", "The latencies of an event, drawn with characters."),
            (
                "HISTOGRAM [<command> ...]",
                "How long calls of commands took, as cumulative distributions; of all commands if none is named.",
            ),
            ("HISTORY <event>", "The times and latencies of an event."),
            ("LATEST", "The last latency of each event, and its worst."),
            ("RESET [<event> ...]", "Forget events, all of them if none is named."),
        ],
    )
}
