//! TLS on a socket, with the options of Redis's redis-cli.
//!
//! As there, a server's certificate must come from an authority that is trusted, and its name isn't looked at:
//! servers are mostly called by addresses that no certificate has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, StreamOwned, SupportedCipherSuite,
};

use super::OpenError;
use super::socket::{Socket, describe};
use crate::options::TlsOptions;

/// Where systems keep the authorities they trust.
const SYSTEM_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Shakes hands. `host` is what the server was called by.
///
/// # Errors
/// Files that can't be used, or a handshake that fails.
pub fn connect(
    mut socket: Socket,
    options: &TlsOptions,
    host: &str,
) -> Result<StreamOwned<ClientConnection, Socket>, OpenError> {
    let config = config(options).map_err(OpenError::Tls)?;
    let name = options.sni.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| OpenError::Tls("Failed to configure SNI".into()))?;
    let failed = |why: String| OpenError::Unreachable(format!("SSL_connect failed: {why}"));
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| failed(error.to_string()))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).map_err(|error| failed(describe(&error)))?;
    }
    Ok(StreamOwned::new(connection, socket))
}

fn config(options: &TlsOptions) -> Result<ClientConfig, String> {
    let provider = Arc::new(provider(options)?);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| "Error while configuring ciphers")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(options, provider)?));
    let mut config = match (&options.certificate, &options.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate).filter(|chain| !chain.is_empty());
            let chain = chain.ok_or("Invalid client certificate")?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|_| "Invalid private key")?;
            builder.with_client_auth_cert(chain, key).map_err(|_| "Invalid private key")?
        }
        (Some(certificate), None) if certificates(certificate).is_none() => {
            return Err("Invalid client certificate".into());
        }
        (None, Some(key)) if PrivateKeyDer::from_pem_file(key).is_err() => {
            return Err("Invalid private key".into());
        }
        _ => builder.with_no_client_auth(),
    };
    config.enable_sni = options.sni.is_some();
    Ok(config)
}

/// The suites that were asked for, of those that rustls has.
fn provider(options: &TlsOptions) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    let chosen = |list: &Option<String>, tls13: bool| {
        let of_version = provider.cipher_suites.iter().copied().filter(|suite| is_tls13(suite) == tls13);
        let Some(list) = list else { return of_version.collect::<Vec<_>>() };
        let of_version: Vec<_> = of_version.collect();
        let names = list.split([':', ',', ' ']);
        names
            .filter_map(|name| of_version.iter().find(|suite| openssl_name(suite) == name).copied())
            .collect()
    };
    let (tls13, tls12) = (chosen(&options.ciphersuites, true), chosen(&options.ciphers, false));
    if tls13.is_empty() {
        return Err("Error while setting cypher suites".into());
    }
    if tls12.is_empty() {
        return Err("Error while configuring ciphers".into());
    }
    provider.cipher_suites = [tls13, tls12].concat();
    Ok(provider)
}

fn is_tls13(suite: &SupportedCipherSuite) -> bool {
    suite.tls13().is_some()
}

/// What OpenSSL calls a suite: `ECDHE-RSA-AES256-GCM-SHA384`, `TLS_AES_256_GCM_SHA384`.
fn openssl_name(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    if is_tls13(suite) {
        return name.replace("TLS13_", "TLS_");
    }
    let name = name.replace("TLS_", "").replace("WITH_", "").replace("AES_", "AES");
    name.replace("POLY1305_SHA256", "POLY1305").replace('_', "-")
}

fn certificates(file: &Path) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(file).ok()?.collect::<Result<Vec<_>, _>>().ok()
}

fn authorities(options: &TlsOptions) -> Result<RootCertStore, String> {
    let invalid = "Invalid CA Certificate File/Directory";
    let mut files: Vec<PathBuf> = options.ca_file.iter().cloned().collect();
    if let Some(folder) = &options.ca_folder {
        let entries = std::fs::read_dir(folder).map_err(|_| invalid)?;
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    let named_file = options.ca_file.as_deref();
    if options.ca_file.is_none() && options.ca_folder.is_none() {
        let told = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let known = SYSTEM_FILES.iter().map(PathBuf::from).find(|file| file.exists());
        files.extend(told.or(known));
    }
    let mut roots = RootCertStore::empty();
    for file in files {
        let found = certificates(&file);
        if named_file == Some(&*file) && found.as_ref().is_none_or(Vec::is_empty) {
            return Err(invalid.into());
        }
        // Of a folder or the system's own file what can be used is used.
        roots.add_parsable_certificates(found.unwrap_or_default());
    }
    Ok(roots)
}

/// Looks at where a certificate comes from, not at the names in it.
#[derive(Debug)]
struct Verifier {
    /// `None` trusts anybody.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(options: &TlsOptions, provider: Arc<CryptoProvider>) -> Result<Verifier, String> {
        let roots = authorities(options)?;
        if options.insecure {
            return Ok(Verifier { authorities: None, provider });
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = verifier.build().map_err(|_| "Failed to use default CA paths")?;
        Ok(Verifier { authorities: Some(verifier), provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // Names are looked at last, so all else is well.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            found => found,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &TlsOptions) -> Result<Vec<String>, String> {
        Ok(provider(options)?.cipher_suites.iter().map(openssl_name).collect())
    }

    #[test]
    fn suites_by_the_names_of_openssl() {
        let options = TlsOptions {
            ciphers: Some("ECDHE-RSA-CHACHA20-POLY1305:nonsense:ECDHE-ECDSA-AES256-GCM-SHA384".into()),
            ciphersuites: Some("TLS_AES_128_GCM_SHA256".into()),
            ..TlsOptions::default()
        };
        let expected =
            ["TLS_AES_128_GCM_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"];
        assert_eq!(names(&options), Ok(expected.map(String::from).to_vec()));
        assert_eq!(names(&TlsOptions::default()).map(|names| names.len()), Ok(9));
        let nonsense = Some("nonsense".to_owned());
        let bad = TlsOptions { ciphers: nonsense.clone(), ..TlsOptions::default() };
        assert_eq!(names(&bad), Err("Error while configuring ciphers".into()));
        let bad = TlsOptions { ciphersuites: nonsense, ..TlsOptions::default() };
        assert_eq!(names(&bad), Err("Error while setting cypher suites".into()));
    }
}
