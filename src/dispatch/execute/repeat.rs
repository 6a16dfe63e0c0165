//! Runs of one command: a pipeline often repeats one about single keys, which is admitted and counted once then.

use super::tally::Tally;
use super::{Done, Executor};
use crate::client::Session;
use crate::commands::account::watch;
use crate::commands::{Listed, Next};
use crate::dispatch::effects::count_changes;
use crate::dispatch::memory::is_exceeded;
use crate::dispatch::requests::Requests;
use crate::dispatch::run::run_handler;
use crate::resp::Reply;

/// For so many elements it isn't worth it.
const FEW: usize = 2;

impl Executor<'_> {
    /// Runs the requests from index `next` on for as long as they are of the command that was admitted last, and moves
    /// `next` behind those that are done. If the one at `next` has run, too, it gives what that has left to do,
    /// which is more than to reply unless the replies are `full`, in bytes; and where its reply begins.
    ///
    /// All are admitted for the sake of the first: nothing that the checks look at is changed by such a command, but
    /// for what [`Executor::may_repeat`] looks at.
    pub fn repeat(
        &mut self,
        requests: &mut Requests<'_>,
        next: &mut usize,
        session: &mut Session,
        reply: &mut Reply,
        full: usize,
    ) -> Option<(usize, Done)> {
        let listed = &self.server.catalog.all()[self.again?];
        if listed.command.elements.is_some() {
            self.approach(listed, requests, *next, session);
        }
        let mut tally = Tally::new(listed.id, session.settings.observe.latency_tracking);
        let mut left = None;
        while self.again.is_some()
            && let Some((args, hash)) = requests.get_if(*next, listed)
            && self.may_repeat(listed, args, session)
        {
            let from = reply.len();
            let outcome =
                self.call_on_one(listed, (args, hash), session, reply, |call| run_handler(call, listed));
            let done = if matches!(outcome, Ok(Next::Done)) && self.effects.is_settled() {
                // Nobody is to hear of it.
                self.end();
                let took = std::mem::take(&mut self.spent);
                self.commands += 1;
                tally.add(self.server, took);
                watch(self.server, &listed.command.spec, args, session, took);
                Done::Replied
            } else {
                self.finish(listed, args, outcome, from, session, reply)
            };
            if !matches!(done, Done::Replied) || reply.len() >= full {
                left = Some((from, done));
                break;
            }
            *next += 1;
        }
        tally.count(self.server);
        count_changes(self.server, &mut self.effects);
        left
    }

    /// Where several elements of one collection are looked for next, by one request or by several, asks for what all of
    /// that will read.
    #[inline(never)]
    fn approach(&mut self, listed: &Listed, requests: &Requests<'_>, next: usize, session: &Session) {
        if let Some((key, hash, elements)) = requests.elements(next, listed)
            && elements.len() > FEW
        {
            self.view_of(hash, session).approach(key, elements.iter().copied());
        }
    }

    /// Whether what a command was admitted under still holds for the next one of its kind.
    #[inline]
    pub(super) fn may_repeat(&self, listed: &Listed, args: &[&[u8]], session: &Session) -> bool {
        let spec = &listed.command.spec;
        spec.admits(args.len())
            && !session.client.is_ended()
            && !is_exceeded(self.server, &session.settings)
            && !self.is_held_back(spec.flags)
    }
}
