//! SHUTDOWN.

use crate::command::error;
use crate::command::row::*;

use super::super::server::ShutdownRequest;
use super::super::{Call, Command, DONE, Next, Outcome};

pub(super) const SHUTDOWN: Command = Command::new(
    Spec::new("shutdown", -1)
        .flags(&[ADMIN, ALLOW_BUSY, LOADING, NO_MULTI, NOSCRIPT, STALE])
        .doc(
            "server",
            "1.0.0",
            "O(N) if data is saved, N being the number of keys in all databases; else O(1)",
            "Ends the server, after saving if that is asked for or configured.",
        )
        .syntax("[save-selector:<NOSAVE|SAVE>] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]"),
    shutdown,
);

fn shutdown(call: &mut Call<'_>) -> Outcome {
    let (request, abort) = parse(call)?;
    if abort {
        if !call.server.shutdown.abort() {
            return Err(error::NO_SHUTDOWN);
        }
        tracing::info!("Shutdown manually aborted.");
        call.reply.ok();
        return DONE;
    }
    let server = call.server;
    if !request.saves(call.settings()) || server.loading.is_active() {
        server.shutdown.request(ShutdownRequest { nosave: true, save: false, ..request });
        return Ok(Next::Close);
    }
    if server.scripts.running.is_active() && server.keyspace.gate.closed_for().is_some() {
        return Err(error::BUSY);
    }
    let refused = server.shutdown.request(request);
    // Whoever is cut off sees the end of the connection instead of an answer.
    Ok(Next::Later(Box::new(move |reply| {
        if refused.recv().is_ok() {
            reply.error(error::SHUTDOWN_FAILED.text());
        }
    })))
}

/// The request, and whether it is to give up another one.
fn parse(call: &Call<'_>) -> Result<(ShutdownRequest, bool), error::Error> {
    let mut asked = ShutdownRequest::default();
    let mut abort = false;
    for word in &call.args[1..] {
        let word = word.to_ascii_lowercase();
        *match word.as_slice() {
            b"save" => &mut asked.save,
            b"nosave" => &mut asked.nosave,
            b"now" => &mut asked.now,
            b"force" => &mut asked.force,
            b"abort" => &mut abort,
            _ => return Err(error::SYNTAX),
        } = true;
    }
    if abort && asked != ShutdownRequest::default() || asked.save && asked.nosave {
        return Err(error::SYNTAX);
    }
    Ok((asked, abort))
}
