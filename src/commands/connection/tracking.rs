//! CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: client-side caching as its client sees it.

use std::sync::atomic::Ordering;

use crate::client::{ClientFlags, Session, Tracking, TrackingMode};
use crate::command::{Args, Error, args, error};

use super::super::{Call, DONE, Outcome, Server};

/// What CLIENT TRACKING is told.
#[derive(Default)]
struct Options<'a> {
    /// The number of the client that takes the invalidations; 0: the caller.
    redirect: u64,
    prefixes: Vec<&'a [u8]>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
}

pub(super) fn tracking(call: &mut Call<'_>) -> Outcome {
    let options = Options::parse(call.args_from(3), call.server)?;
    let word = call.args[2];
    if word.eq_ignore_ascii_case(b"on") {
        options.check(call.session)?;
        options.begin(call);
    } else if word.eq_ignore_ascii_case(b"off") {
        call.session.end_tracking(&call.server.listeners, &call.server.keyspace);
    } else {
        return Err(error::SYNTAX);
    }
    call.reply.ok();
    DONE
}

impl<'a> Options<'a> {
    fn parse(mut args: Args<'a>, server: &Server) -> Result<Options<'a>, Error> {
        let mut options = Options::default();
        while let Some(option) = args.take() {
            match option.to_ascii_lowercase().as_slice() {
                b"redirect" if !args.is_empty() => {
                    if options.redirect != 0 {
                        return Err(error::REDIRECT_TWICE);
                    }
                    options.redirect = target(args.want()?, server)?;
                }
                b"prefix" if !args.is_empty() => options.prefixes.push(args.want()?),
                b"bcast" => options.broadcast = true,
                b"optin" => options.opt_in = true,
                b"optout" => options.opt_out = true,
                b"noloop" => options.no_loop = true,
                _ => return Err(error::SYNTAX),
            }
        }
        Ok(options)
    }

    fn mode(&self) -> TrackingMode {
        match self {
            Options { broadcast: true, .. } => TrackingMode::Broadcast,
            Options { opt_in: true, .. } => TrackingMode::OptIn,
            Options { opt_out: true, .. } => TrackingMode::OptOut,
            _ => TrackingMode::All,
        }
    }

    /// Whether the options agree with each other and with what is on already; in Redis's order.
    fn check(&self, session: &Session) -> Result<(), Error> {
        let old = session.tracking.as_deref().map(|tracking| tracking.mode);
        let broadcasts = |mode| mode == TrackingMode::Broadcast;
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(error::PREFIX_WITHOUT_BCAST);
        }
        if old.is_some_and(|old| broadcasts(old) != self.broadcast) {
            return Err(error::TRACKING_BCAST_SWITCH);
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(error::TRACKING_OPT_WITH_BCAST);
        }
        if self.opt_in && self.opt_out {
            return Err(error::TRACKING_BOTH_OPTS);
        }
        let switched = matches!(
            (old, self.mode()),
            (Some(TrackingMode::OptIn), TrackingMode::OptOut)
                | (Some(TrackingMode::OptOut), TrackingMode::OptIn)
        );
        if switched {
            return Err(error::TRACKING_OPT_SWITCH);
        }
        self.check_prefixes(session)
    }

    /// Whether no key has two of the client's prefixes: it would hear of that key twice.
    fn check_prefixes(&self, session: &Session) -> Result<(), Error> {
        let old = session.tracking.iter().flat_map(|tracking| &tracking.prefixes);
        let old: Vec<&[u8]> = old.map(|prefix| &**prefix).collect();
        for (index, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = old.iter().find(|other| overlap(prefix, other)) {
                return Err(error::prefix_overlaps(prefix, "an existing", other));
            }
            if let Some(other) = self.prefixes[index + 1..].iter().find(|other| overlap(prefix, other)) {
                return Err(error::prefix_overlaps(prefix, "another provided", other));
            }
        }
        Ok(())
    }

    fn begin(&self, call: &mut Call<'_>) {
        let (session, server) = (&mut *call.session, call.server);
        let client = &session.client;
        let tracking = session.tracking.get_or_insert_with(|| Box::new(Tracking::new(self.mode())));
        tracking.mode = self.mode();
        client.redirect.store(self.redirect, Ordering::Relaxed);
        client.set_flags(ClientFlags::TRACKING_BROKEN, false);
        client.set_flags(ClientFlags::TRACKING_BCAST, self.broadcast);
        client.set_flags(ClientFlags::TRACKING_NOLOOP, self.no_loop);
        client.set_flags(ClientFlags::TRACKING, true);
        let everything: &[&[u8]] = if self.broadcast { &[b""] } else { &[] };
        let prefixes = if self.prefixes.is_empty() { everything } else { &self.prefixes };
        for prefix in prefixes {
            if tracking.prefixes.insert((*prefix).into()) {
                server.listeners.add(&server.keyspace, prefix, client);
            }
        }
    }
}

/// The number of a client that takes invalidations, which must be there at the moment.
fn target(arg: &[u8], server: &Server) -> Result<u64, Error> {
    let id = u64::try_from(args::int(arg)?).ok();
    let target = id.and_then(|id| server.clients.get(id)).filter(|target| !target.is_leaving());
    target.map(|target| target.id).ok_or(error::NO_REDIRECT_TARGET)
}

/// Whether a key can begin with both.
fn overlap(a: &[u8], b: &[u8]) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

pub(super) fn caching(call: &mut Call<'_>) -> Outcome {
    let Some(tracking) = &mut call.session.tracking else { return Err(error::CACHING_WITHOUT_TRACKING) };
    match (call.args[2].to_ascii_lowercase().as_slice(), tracking.mode) {
        (b"yes", TrackingMode::OptIn) | (b"no", TrackingMode::OptOut) => tracking.caching = true,
        (b"yes", _) => return Err(error::CACHING_YES),
        (b"no", _) => return Err(error::CACHING_NO),
        _ => return Err(error::SYNTAX),
    }
    call.reply.ok();
    DONE
}

/// The number of the client that takes the caller's invalidations: 0 for itself, -1 if there are none.
fn redirection(session: &Session) -> i64 {
    let tracks = session.tracking.is_some();
    if tracks { session.client.redirect.load(Ordering::Relaxed) as i64 } else { -1 }
}

pub(super) fn getredir(call: &mut Call<'_>) -> Outcome {
    call.reply.int(redirection(call.session));
    DONE
}

pub(super) fn trackinginfo(call: &mut Call<'_>) -> Outcome {
    let flags = flags(call.session);
    let reply = &mut *call.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(redirection(call.session));
    reply.bulk(b"prefixes");
    let tracking = call.session.tracking.as_deref();
    reply.array(tracking.map_or(0, |tracking| tracking.prefixes.len()));
    tracking.iter().flat_map(|tracking| &tracking.prefixes).for_each(|prefix| reply.bulk(prefix));
    DONE
}

/// What CLIENT TRACKINGINFO calls flags, in its order.
fn flags(session: &Session) -> Vec<&'static str> {
    let Some(tracking) = session.tracking.as_deref() else { return vec!["off"] };
    let mut flags = vec!["on"];
    match tracking.mode {
        TrackingMode::All => {}
        TrackingMode::Broadcast => flags.push("bcast"),
        TrackingMode::OptIn if tracking.caching => flags.extend(["optin", "caching-yes"]),
        TrackingMode::OptIn => flags.push("optin"),
        TrackingMode::OptOut if tracking.caching => flags.extend(["optout", "caching-no"]),
        TrackingMode::OptOut => flags.push("optout"),
    }
    let seen = session.client.flags();
    for (flag, name) in
        [(ClientFlags::TRACKING_NOLOOP, "noloop"), (ClientFlags::TRACKING_BROKEN, "broken_redirect")]
    {
        if seen.contains(flag) {
            flags.push(name);
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Rig;

    #[test]
    fn options_must_agree() {
        let mut rig = Rig::new();
        rig.check(&[
            ("CLIENT TRACKING ON PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled"),
            ("CLIENT TRACKING ON BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST"),
            ("CLIENT TRACKING ON OPTIN OPTOUT", "-ERR You can't specify both OPTIN mode and OPTOUT mode"),
            ("CLIENT TRACKING ON REDIRECT 99", "-ERR The client ID you want redirect to does not exist"),
            ("CLIENT TRACKING ON REDIRECT 1 REDIRECT 1", "-ERR A client can only redirect to a single other client"),
            ("CLIENT TRACKING ON REDIRECT", "-ERR syntax error"),
            ("CLIENT TRACKING MAYBE", "-ERR syntax error"),
            ("CLIENT TRACKING ON OPTIN", "+OK"),
            ("CLIENT TRACKING ON BCAST", "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."),
            ("CLIENT TRACKING ON OPTOUT", "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."),
            ("CLIENT TRACKING OFF", "+OK"),
            ("CLIENT TRACKING ON BCAST PREFIX ab PREFIX b PREFIX a", "-ERR Prefix 'ab' overlaps with another provided prefix 'a'. Prefixes for a single client must not overlap."),
            ("CLIENT TRACKING ON BCAST PREFIX ab", "+OK"),
            ("CLIENT TRACKING ON BCAST PREFIX abc", "-ERR Prefix 'abc' overlaps with an existing prefix 'ab'. Prefixes for a single client must not overlap."),
        ]);
    }

    #[test]
    fn tells_what_was_said() {
        let mut rig = Rig::new();
        rig.check(&[
            ("CLIENT TRACKINGINFO", "*6 $5 flags *1 $3 off $8 redirect :-1 $8 prefixes *0"),
            ("CLIENT CACHING YES", "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"),
            ("CLIENT TRACKING ON OPTOUT NOLOOP REDIRECT 1", "+OK"),
            ("CLIENT CACHING YES", "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."),
            ("CLIENT CACHING NO", "+OK"),
            ("CLIENT TRACKINGINFO", "*6 $5 flags *4 $2 on $6 optout $10 caching-no $6 noloop $8 redirect :1 $8 prefixes *0"),
            ("CLIENT GETREDIR", ":1"),
            ("CLIENT TRACKING OFF", "+OK"),
            ("CLIENT GETREDIR", ":-1"),
            ("CLIENT TRACKING ON BCAST PREFIX b PREFIX a", "+OK"),
            ("CLIENT TRACKINGINFO", "*6 $5 flags *2 $2 on $5 bcast $8 redirect :0 $8 prefixes *2 $1 a $1 b"),
        ]);
        assert_eq!(rig.server.listeners.prefixes(), 2);
        rig.run("RESET");
        assert_eq!(rig.server.listeners.prefixes(), 0);
        rig.check(&[("CLIENT TRACKING ON BCAST", "+OK")]);
        assert_eq!(rig.server.listeners.prefixes(), 1);
    }
}
