//! DEBUG subcommands that end the server as its own failures would: to see what is then reported.

use nix::sys::signal::{Signal, raise};

use crate::base::clock;
use crate::commands::{Call, DONE, Outcome};
use crate::observe::crash::{Failure, fail};

/// Ends it by SIGSEGV.
pub(super) fn by_signal(call: &mut Call<'_>) -> Outcome {
    if let Err(failure) = raise(Signal::SIGSEGV) {
        tracing::warn!("SIGSEGV can't be raised: {failure}");
    }
    call.reply.ok();
    DONE
}

/// Ends it as if something had gone wrong that it can't go on after.
pub(super) fn by_panic(call: &mut Call<'_>) -> Outcome {
    let now = clock::unix_ms() / 1000;
    end(
        call,
        &[
            "------------------------------------------------".to_owned(),
            "!!! Software Failure. Press left mouse button to continue".to_owned(),
            format!("Guru Meditation: DEBUG PANIC called at Unix time {now} #{}:{}", file!(), line!()),
        ],
    )
}

/// Ends it as if something that is always true weren't.
pub(super) fn by_assertion(call: &mut Call<'_>) -> Outcome {
    let hidden = call.settings().log.hide_user_data;
    let argument = |(at, arg): (usize, &&[u8])| match hidden && at > 0 {
        true => format!("client->argv[{at}] = *redacted*"),
        false => format!("client->argv[{at}] = \"{}\"", arg.escape_ascii()),
    };
    let mut lines = vec![
        "=== ASSERTION FAILED CLIENT CONTEXT ===".to_owned(),
        format!("client->argc = {}", call.args.len()),
    ];
    lines.extend(call.args.iter().enumerate().map(argument));
    lines.push("=== ASSERTION FAILED ===".to_owned());
    lines.push(format!("==> {}:{} '1 == 2' is not true", file!(), line!()));
    end(call, &lines)
}

fn end(call: &Call<'_>, lines: &[String]) -> ! {
    let settings = call.settings();
    fail(&Failure { lines, reported: settings.process.crash_log, exits: settings.debug.exit_on_panic })
}
