//! Certificates and keys, read from PEM files.

use std::fmt::Display;
use std::path::Path;

use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};

use super::Refusal;
use super::files::certificates_in;
use crate::config::errors::os_text;
use crate::config::{Tls, TlsIdentity};

/// The label of a key that needs a password.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
/// How keys are marked that OpenSSL has encrypted in its older way.
const ENCRYPTED_LONG_AGO: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// A certificate chain with its key.
///
/// # Errors
/// Which file can't be used, and why.
pub fn load(identity: &TlsIdentity, provider: &CryptoProvider) -> Result<CertifiedKey, Refusal> {
    let TlsIdentity { cert_file: Some(cert_file), key_file: Some(key_file), key_pass } = identity else {
        return Err(Refusal("A certificate without its key".into()));
    };
    let bad_certificate = |why: &dyn Display| refusal("Failed to load certificate", cert_file, why);
    let bad_key = |why: &dyn Display| refusal("Failed to load private key", key_file, why);
    let chain = certificates(cert_file).map_err(|why| bad_certificate(&why))?;
    let key = private_key(key_file, key_pass.as_deref()).map_err(|why| bad_key(&why))?;
    let key = provider.key_provider.load_private_key(key).map_err(|why| bad_key(&why))?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(identity),
        // One before X.509 v3: clients decide what they think of it.
        Err(Error::InvalidCertificate(CertificateError::Other(_))) => Ok(identity),
        Err(why @ Error::InconsistentKeys(_)) => Err(bad_key(&why)),
        Err(why) => Err(bad_certificate(&why)),
    }
}

/// The authorities that peers' certificates must come from.
///
/// # Errors
/// Which file can't be used, and why.
pub fn authorities(settings: &Tls) -> Result<RootCertStore, Refusal> {
    let mut roots = RootCertStore::empty();
    let found = settings.ca_cert_dir.iter().flat_map(|folder| certificates_in(folder));
    for file in settings.ca_cert_file.iter().cloned().chain(found) {
        for certificate in certificates(&file).map_err(|why| no_authorities(&why))? {
            roots.add(certificate).map_err(|why| no_authorities(&why))?;
        }
    }
    Ok(roots)
}

/// The refusal of what is trusted.
pub fn no_authorities(why: &dyn Display) -> Refusal {
    Refusal(format!("Failed to configure CA certificate(s) file/directory: {why}"))
}

fn refusal(what: &str, file: &Path, why: &dyn Display) -> Refusal {
    Refusal(format!("{what}: {}: {why}", file.display()))
}

/// The certificates of a file; at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|why| os_text(&why))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err("no certificate in PEM".into()),
        Ok(found) => Ok(found),
        Err(why) => Err(why.to_string()),
    }
}

fn private_key(file: &Path, password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, String> {
    let text = std::fs::read(file).map_err(|why| os_text(&why))?;
    if memchr::memmem::find(&text, ENCRYPTED_LONG_AGO).is_some() {
        return Err("encrypted in the form before PKCS#8: convert it with `openssl pkcs8 -topk8`".into());
    }
    let is_encrypted = memchr::memmem::find(&text, ENCRYPTED.as_bytes()).is_some();
    match (is_encrypted, password) {
        (false, _) => PrivateKeyDer::from_pem_slice(&text).map_err(|why| why.to_string()),
        (true, Some(password)) => decrypt(&text, password),
        (true, None) => Err("it is encrypted and there is no password".into()),
    }
}

fn decrypt(text: &[u8], password: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let text = std::str::from_utf8(text).map_err(|why| why.to_string())?;
    let (label, document) = SecretDocument::from_pem(text).map_err(|why| why.to_string())?;
    if label != ENCRYPTED {
        return Err(format!("{label} instead of {ENCRYPTED}"));
    }
    let key = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).map_err(|why| why.to_string())?;
    let key = key.decrypt(password).map_err(|why| format!("wrong password, or unknown encryption: {why}"))?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}
