//! `POST` and `Host:`: a browser that was talked into sending HTTP to us. Its connection is closed before what
//! follows can be taken for commands.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::base::clock;
use crate::command::row::*;

use super::super::{Call, Command, Next, Outcome};

pub(super) const POST: Command = Command::new(Spec::new("post", -1).flags(&[CROSS_PROTOCOL]), refuse);
pub(super) const HOST: Command = Command::new(Spec::new("host:", -1).flags(&[CROSS_PROTOCOL]), refuse);

/// The log tells of it this often, in ms.
const LOG_PERIOD: i64 = 60_000;

fn refuse(call: &mut Call<'_>) -> Outcome {
    static NEXT_LOG: AtomicI64 = AtomicI64::new(0);
    let now = clock::monotonic_ms();
    // One of those who come at the same time logs; nothing else hangs on it.
    if NEXT_LOG.load(Ordering::Relaxed) <= now {
        NEXT_LOG.store(now + LOG_PERIOD, Ordering::Relaxed);
        tracing::warn!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection from {} aborted.",
            call.session.client.addr
        );
    }
    Ok(Next::Close)
}
