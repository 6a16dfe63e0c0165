//! TLS: its port, its certificates and what it asks of clients.

use std::path::PathBuf;

use crate::config::choices::TlsAuthClients;
use crate::config::directive::Unit::{Count, Seconds};
use crate::config::directive::{Directive, INT_MAX, choice, integer, optional, yes_no};
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    integer("tls-port", 0, (0, 65535), Count, "TCP port for TLS; 0 listens on none."),
    optional("tls-cert-file", "Certificate chain of the server, PEM.").volatile(),
    optional("tls-key-file", "Private key of the certificate, PEM.").volatile(),
    optional("tls-key-file-pass", "Password of the private key, if it is encrypted (PKCS#8).").sensitive(),
    optional(
        "tls-client-cert-file",
        "Certificate for outgoing connections; only checked, for there are none yet.",
    )
    .volatile(),
    optional("tls-client-key-file", "Private key for outgoing connections.").volatile(),
    optional("tls-client-key-file-pass", "Password of that key.").sensitive(),
    optional("tls-ca-cert-file", "Authorities that peers' certificates must come from, PEM.").volatile(),
    optional("tls-ca-cert-dir", "Directory of such authorities, named by hashes as `openssl rehash` does.")
        .volatile(),
    choice("tls-auth-clients", TlsAuthClients::NAMES, 1, "Whether clients must show a certificate."),
    optional("tls-protocols", "Versions to accept, as in \"TLSv1.2 TLSv1.3\"; empty for both."),
    optional(
        "tls-ciphers",
        "Cipher suites of TLS 1.2 in OpenSSL's notation; there are those of ECDHE with AES-GCM or ChaCha20.",
    ),
    optional("tls-ciphersuites", "Cipher suites of TLS 1.3; empty for the safe ones."),
    yes_no("tls-prefer-server-ciphers", false, "Let the server's order of cipher suites decide."),
    yes_no("tls-session-caching", true, "Let clients resume sessions."),
    integer("tls-session-cache-size", 20480, (0, INT_MAX), Count, "Sessions to remember; 0 without limit."),
    integer("tls-session-cache-timeout", 300, (0, INT_MAX), Seconds, "How long to remember a session."),
    yes_no(
        "tls-replication",
        false,
        "Asks for authorities, as Redis does; there is no primary to speak to yet.",
    ),
    yes_no("tls-cluster", false, "There is no cluster bus.").kept(),
    optional("tls-dh-params-file", "Key exchange uses elliptic curves only.").volatile().kept(),
];

/// TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// 0 for none.
    pub port: u16,
    /// Certificate and key of the server.
    pub server: TlsIdentity,
    /// Certificate and key for outgoing connections, which there are none of yet: they are only checked.
    pub client: TlsIdentity,
    /// File of trusted authorities.
    pub ca_cert_file: Option<PathBuf>,
    /// Directory of trusted authorities.
    pub ca_cert_dir: Option<PathBuf>,
    /// Whether clients must show a certificate.
    pub auth_clients: TlsAuthClients,
    /// Versions in OpenSSL's names, with spaces between.
    pub protocols: Option<String>,
    /// Cipher suites of TLS 1.2.
    pub ciphers: Option<String>,
    /// Cipher suites of TLS 1.3.
    pub ciphersuites: Option<String>,
    /// The server's order of suites decides.
    pub prefer_server_ciphers: bool,
    /// Sessions may be resumed.
    pub session_caching: bool,
    /// Sessions remembered; 0 without limit.
    pub session_cache_size: u32,
    /// Seconds a session is remembered.
    pub session_cache_timeout_s: u32,
    /// The link to the primary is to be TLS: asks for authorities.
    pub replication: bool,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// PEM file.
    pub cert_file: Option<PathBuf>,
    /// PEM file.
    pub key_file: Option<PathBuf>,
    /// Password of the key.
    pub key_pass: Option<Box<[u8]>>,
}

impl Tls {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Tls {
            port: values.integer("tls-port"),
            server: TlsIdentity {
                cert_file: values.path("tls-cert-file"),
                key_file: values.path("tls-key-file"),
                key_pass: values.bytes("tls-key-file-pass"),
            },
            client: TlsIdentity {
                cert_file: values.path("tls-client-cert-file"),
                key_file: values.path("tls-client-key-file"),
                key_pass: values.bytes("tls-client-key-file-pass"),
            },
            ca_cert_file: values.path("tls-ca-cert-file"),
            ca_cert_dir: values.path("tls-ca-cert-dir"),
            auth_clients: TlsAuthClients::from_code(values.code("tls-auth-clients")),
            protocols: values.string("tls-protocols"),
            ciphers: values.string("tls-ciphers"),
            ciphersuites: values.string("tls-ciphersuites"),
            prefer_server_ciphers: values.yes("tls-prefer-server-ciphers"),
            session_caching: values.yes("tls-session-caching"),
            session_cache_size: values.integer("tls-session-cache-size"),
            session_cache_timeout_s: values.integer("tls-session-cache-timeout"),
            replication: values.yes("tls-replication"),
        }
    }
}
