//! DEBUG DIGEST and DEBUG DIGEST-VALUE: whether two servers hold the same data.

use crate::keyspace::{Access, Digest};

use super::super::{Call, DONE, Outcome};

pub(super) fn all(call: &mut Call<'_>) -> Outcome {
    let digest = call.keys.digest();
    call.reply.simple(digest.to_hex());
    DONE
}

pub(super) fn values(call: &mut Call<'_>) -> Outcome {
    let keys = &call.args[2..];
    call.reply.array(keys.len());
    for key in keys {
        let digest = call.keys.find(key, Access::Silent).map(|entry| {
            let is_volatile = entry.deadline().is_some();
            Digest::of_value(&entry.share_value(), is_volatile)
        });
        call.reply.simple(digest.unwrap_or_default().to_hex());
    }
    DONE
}
