//! TLS: what its listeners offer at the moment, and how that is renewed.
//!
//! ```text
//!  settings, files ── load ──▶ Offer ──▶ Context ──▶ handshakes of new connections
//!                      ▲                    │
//!          CONFIG SET ─┴─ watch, each second: have the files changed?
//! ```
//!
//! An offer is made as a whole or not at all, and never changes: who renews it makes another one and puts that in its
//! place, so a bad file leaves the old one in force. Connections that are there keep what they were made with.
//!
//! What rustls can't do isn't pretended: TLS before 1.2, cipher suites without forward secrecy, keys encrypted in
//! other ways than PKCS#8, and clients' certificates before X.509 v3 are refused.

mod files;
mod identity;
mod sessions;
mod stream;
mod suites;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{self, ServerConfig};

use self::files::Fingerprint;
use self::sessions::Sessions;
pub use self::stream::TlsSocket;
pub use self::watch::watch;
use crate::config::{Tls, TlsAuthClients, TlsIdentity};

/// Why settings or files can't be used, in words for the log.
#[derive(Debug)]
pub struct Refusal(String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is offered to clients: certificate, versions, cipher suites, whom to trust.
pub struct Offer {
    settings: Tls,
    /// Of the files, from before they were read.
    fingerprint: Fingerprint,
    config: Arc<ServerConfig>,
}

impl Offer {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// What is wrong with the first setting or file that can't be used.
    pub fn load(settings: &Tls) -> Result<Offer, Refusal> {
        let fingerprint = Fingerprint::of(settings);
        Ok(Offer { settings: settings.clone(), fingerprint, config: Arc::new(server_config(settings)?) })
    }
}

fn server_config(settings: &Tls) -> Result<ServerConfig, Refusal> {
    let TlsIdentity { cert_file, key_file, .. } = &settings.server;
    for (file, name) in [(cert_file, "tls-cert-file"), (key_file, "tls-key-file")] {
        if file.is_none() {
            return Err(Refusal(format!("No {name} configured!")));
        }
    }
    let asks = settings.auth_clients != TlsAuthClients::No;
    if (asks || settings.replication) && settings.ca_cert_file.is_none() && settings.ca_cert_dir.is_none() {
        return Err(Refusal(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-replication or tls-auth-clients are enabled!".into(),
        ));
    }
    let provider = Arc::new(suites::provider(settings)?);
    let identity = identity::load(&settings.server, &provider)?;
    if settings.client.cert_file.is_some() && settings.client.key_file.is_some() {
        // Outgoing connections use it; what is wrong with it shows now.
        identity::load(&settings.client, &provider)?;
    }
    let roots = identity::authorities(settings)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&suites::versions(settings)?)
        .map_err(|why| Refusal(format!("Failed to configure TLS: {why}")))?;
    let builder = if asks {
        builder.with_client_cert_verifier(client_verifier(settings, roots, &provider)?)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.ignore_client_order = settings.prefer_server_ciphers;
    if settings.session_caching {
        config.session_storage = Arc::new(Sessions::new(settings));
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn client_verifier(
    settings: &Tls,
    roots: rustls::RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, Refusal> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = match settings.auth_clients {
        TlsAuthClients::Optional => verifier.allow_unauthenticated(),
        _ => verifier,
    };
    verifier.build().map_err(|why| identity::no_authorities(&why))
}

/// The offer in force, shared by the listeners, CONFIG SET and the watch over the files.
#[derive(Default)]
pub struct Context {
    current: RwLock<Option<Arc<Offer>>>,
    /// Told when there is a first offer.
    replaced: Notify,
    handshakes: AtomicUsize,
}

impl Context {
    /// Puts another offer in force, or none, and returns the one before.
    pub fn replace(&self, offer: Option<Arc<Offer>>) -> Option<Arc<Offer>> {
        let before = std::mem::replace(&mut *self.current.write(), offer);
        self.replaced.notify_one();
        before
    }

    /// Whether anything is offered.
    pub fn is_offering(&self) -> bool {
        self.current.read().is_some()
    }

    /// What shakes hands with a new client.
    pub fn acceptor(&self) -> Option<TlsAcceptor> {
        self.current.read().as_ref().map(|offer| TlsAcceptor::from(Arc::clone(&offer.config)))
    }

    fn current(&self) -> Option<Arc<Offer>> {
        self.current.read().clone()
    }

    /// Puts a renewed offer in force, unless somebody else has replaced the one it was made from.
    fn renew(&self, old: &Arc<Offer>, new: Offer) {
        let mut current = self.current.write();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, old)) {
            *current = Some(Arc::new(new));
        }
    }

    /// How many clients are shaking hands.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// Counts a client that shakes hands, until the result is dropped.
    pub fn count_handshake(self: &Arc<Context>) -> Handshake {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        Handshake(Arc::clone(self))
    }
}

/// A client that shakes hands.
pub struct Handshake(Arc<Context>);

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}
