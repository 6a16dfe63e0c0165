//! Cutting off the connections of users who are no more, or may not listen any more to what they listen to.

use std::collections::HashSet;
use std::sync::Arc;

use crate::acl::{Replaced, allows_channel};
use crate::client::Client;
use crate::pubsub::Kind;

use super::super::Server;

/// Ends the connections of a user; tells whether the connection of number `own`, which is left alone, is one of them.
pub(super) fn cut_user(server: &Server, name: &[u8], own: u64) -> bool {
    cut(server, server.clients.all(), name, own)
}

/// Ends the connections of a changed user that are subscribed to what is no longer allowed; tells whether the
/// connection of number `own`, which is left alone, is one of them.
///
/// Whoever subscribes at this moment looks itself, after it is subscribed, whether the users have changed.
pub fn cut_pubsub(server: &Server, replaced: &Replaced, own: u64) -> bool {
    let Some(allowed) = replaced.narrowed_channels() else { return false };
    let mut lost = HashSet::new();
    for kind in Kind::ALL {
        server.pubsub.for_each_member(kind, |name, id| {
            if !lost.contains(&id) && !allows_channel(&allowed, name, kind == Kind::Pattern) {
                lost.insert(id);
            }
        });
    }
    let listeners = lost.into_iter().filter_map(|id| server.clients.get(id));
    cut(server, listeners, replaced.after.name(), own)
}

/// Ends those of the connections that are the user's, but for number `own`; tells whether that is one of them.
fn cut(server: &Server, clients: impl IntoIterator<Item = Arc<Client>>, user: &[u8], own: u64) -> bool {
    let mut own_too = false;
    for client in clients {
        if *client.names.lock().user != *user {
            continue;
        }
        if client.id == own {
            own_too = true;
        } else {
            server.clients.kill(&client);
        }
    }
    own_too
}
