//! Notices that the files of certificates have changed, as tools that renew certificates leave it at that.

use std::sync::Arc;
use std::time::Duration;

use super::files::Fingerprint;
use super::{Context, Offer};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Renews the offer when its files change. While nothing is offered it sleeps.
pub async fn watch(context: Arc<Context>) {
    let mut refused = None;
    loop {
        let context = Arc::clone(&context);
        if !context.is_offering() {
            context.replaced.notified().await;
        }
        let looking = tokio::task::spawn_blocking(move || {
            look(&context, &mut refused);
            refused
        });
        refused = looking.await.unwrap_or(None);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Looks once. Files that were refused are not tried again before they change.
fn look(context: &Arc<Context>, refused: &mut Option<Fingerprint>) {
    let Some(old) = context.current() else { return };
    let found = Fingerprint::of(&old.settings);
    if found == old.fingerprint || refused.as_ref() == Some(&found) {
        return;
    }
    match Offer::load(&old.settings) {
        Ok(new) => {
            context.renew(&old, new);
            *refused = None;
            tracing::info!("The TLS files have changed: new connections use them.");
        }
        Err(why) => {
            tracing::warn!("{why}");
            tracing::warn!(
                "The TLS files have changed and can't be used: what was loaded before stays in force."
            );
            *refused = Some(found);
        }
    }
}
