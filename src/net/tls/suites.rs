//! Versions and cipher suites, by the names that OpenSSL gives them.
//!
//! `tls-ciphers` is OpenSSL's little language: elements with `:`, `,` or blanks between; an element is a suite or
//! words that suites have in common, joined by `+`; `-` in front takes suites away, `!` for good, `+` moves them to
//! the end. An element that fits nothing here does nothing, which is what OpenSSL does too.

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::{cipher_suite as ring, default_provider};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::Refusal;
use crate::config::Tls;

/// A suite, its name, and the words it is found by.
type Row = (SupportedCipherSuite, &'static str, &'static [&'static str]);

/// Suites of TLS 1.2, the preferred ones first.
const TLS12_SUITES: [Row; 6] = [
    (
        ring::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        &["ECDSA", "aECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    (
        ring::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        &["ECDSA", "aECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
    (
        ring::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        &["ECDSA", "aECDSA", "CHACHA20"],
    ),
    (
        ring::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
        &["aRSA", "AES", "AES256", "AESGCM", "SHA384"],
    ),
    (
        ring::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
        &["aRSA", "AES", "AES128", "AESGCM", "SHA256"],
    ),
    (ring::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", &["aRSA", "CHACHA20"]),
];

/// What all suites of TLS 1.2 here have in common.
const COMMON: [&str; 7] = ["ALL", "DEFAULT", "HIGH", "ECDHE", "EECDH", "kECDHE", "TLSv1.2"];

/// Suites of TLS 1.3, the preferred ones first.
const TLS13_SUITES: [(SupportedCipherSuite, &str); 3] = [
    (ring::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (ring::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    (ring::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
];

/// Suites of TLS 1.3 that OpenSSL has and this server hasn't: left out of a list.
const TLS13_MISSING: [&str; 2] = ["TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"];

/// The cryptography, with the suites that the settings want.
///
/// # Errors
/// A list of suites that leaves none, or names one of TLS 1.3 that doesn't exist.
pub fn provider(settings: &Tls) -> Result<CryptoProvider, Refusal> {
    let mut cipher_suites = tls13_suites(settings.ciphersuites.as_deref())?;
    cipher_suites.extend(tls12_suites(settings.ciphers.as_deref())?);
    Ok(CryptoProvider { cipher_suites, ..default_provider() })
}

/// The versions that the settings want; both if they name none.
///
/// # Errors
/// A name that is no version, or only versions before 1.2.
pub fn versions(settings: &Tls) -> Result<Vec<&'static SupportedProtocolVersion>, Refusal> {
    let Some(names) = settings.protocols.as_deref() else { return Ok(vec![&TLS13, &TLS12]) };
    let mut versions = Vec::new();
    for name in names.split(' ').filter(|name| !name.is_empty()) {
        match name.to_ascii_lowercase().as_str() {
            "tlsv1.3" => versions.push(&TLS13),
            "tlsv1.2" => versions.push(&TLS12),
            "tlsv1" | "tlsv1.1" => tracing::warn!("{name} is specified in tls-protocols but not supported."),
            _ => {
                return Err(Refusal(
                    "Invalid tls-protocols specified. Use a combination of 'TLSv1.2' and 'TLSv1.3'.".into(),
                ));
            }
        }
    }
    if versions.is_empty() {
        return Err(Refusal(format!("None of the tls-protocols is supported: {names}")));
    }
    Ok(versions)
}

fn tls13_suites(names: Option<&str>) -> Result<Vec<SupportedCipherSuite>, Refusal> {
    let Some(names) = names else { return Ok(TLS13_SUITES.iter().map(|row| row.0).collect()) };
    let refusal = || Refusal(format!("Failed to configure ciphersuites: {names}"));
    let mut suites = Vec::new();
    for name in names.split(':').filter(|name| !name.is_empty()) {
        match TLS13_SUITES.iter().find(|row| row.1 == name) {
            Some((suite, _)) => suites.push(*suite),
            None if TLS13_MISSING.contains(&name) => {
                tracing::warn!("tls-ciphersuites: {name} is not supported.");
            }
            None => return Err(refusal()),
        }
    }
    if suites.is_empty() { Err(refusal()) } else { Ok(suites) }
}

fn tls12_suites(list: Option<&str>) -> Result<Vec<SupportedCipherSuite>, Refusal> {
    let list = list.unwrap_or("DEFAULT");
    let mut rows: Vec<&Row> = Vec::new();
    let mut banned: Vec<&Row> = Vec::new();
    for element in list.split([':', ',', ' ', ';']).filter(|element| !element.is_empty()) {
        let bare = element.trim_start_matches(['!', '-', '+']);
        let fits = |row: &&Row| bare.split('+').all(|word| has(row, word));
        let among = |rows: &[&Row], row: &Row| rows.iter().any(|other| other.1 == row.1);
        match element.as_bytes()[0] {
            b'!' => {
                banned.extend(TLS12_SUITES.iter().filter(fits));
                rows.retain(|row| !fits(row));
            }
            b'-' => rows.retain(|row| !fits(row)),
            b'+' => rows.sort_by_key(fits),
            _ => {
                let new = |row: &&Row| fits(row) && !among(&rows, row) && !among(&banned, row);
                let new: Vec<&Row> = TLS12_SUITES.iter().filter(new).collect();
                rows.extend(new);
            }
        }
    }
    if rows.is_empty() {
        return Err(Refusal(format!("Failed to configure ciphers: {list}")));
    }
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Whether a suite has this name or this word.
fn has(row: &Row, word: &str) -> bool {
    row.1 == word || row.2.contains(&word) || COMMON.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The suites that a list leaves, in short: E or R for the certificate, then A256, A128 or C.
    fn short(list: &str) -> String {
        let Ok(suites) = tls12_suites(Some(list)) else { return "refused".into() };
        let name = |suite: &SupportedCipherSuite| {
            let row =
                TLS12_SUITES.iter().find(|row| row.0.suite() == suite.suite()).expect("one of the table");
            let key = if row.2.contains(&"ECDSA") { "E" } else { "R" };
            let cipher = ["AES256", "AES128", "CHACHA20"].iter().position(|word| row.2.contains(word));
            format!("{key}{}", ["A256", "A128", "C"][cipher.expect("each has one")])
        };
        suites.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_of_ciphers_are_read_as_openssl_does() {
        for (list, expected) in [
            ("DEFAULT", "EA256 EA128 EC RA256 RA128 RC"),
            ("DEFAULT:-AES128-SHA256", "EA256 EA128 EC RA256 RA128 RC"),
            ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", "RA128 RA256"),
            ("ECDHE+AESGCM:!ECDSA", "RA256 RA128"),
            ("HIGH:!aNULL:!MD5:!aECDSA:@STRENGTH", "RA256 RA128 RC"),
            ("ALL:-CHACHA20,+AES256", "EA128 RA128 EA256 RA256"),
            ("!aRSA:ALL:ECDHE-RSA-AES128-GCM-SHA256", "EA256 EA128 EC"),
            ("-aRSA aRSA+CHACHA20", "RC"),
            ("AES128-SHA256:AES256-SHA256", "refused"),
            ("ALL:!ALL", "refused"),
            ("-", "refused"),
            ("+:!", "refused"),
        ] {
            assert_eq!(short(list), expected, "{list}");
        }
    }

    #[test]
    fn suites_of_tls_1_3_are_named_one_by_one() {
        let count = |names| tls13_suites(names).map_or(0, |suites| suites.len());
        assert_eq!(count(None), 3);
        assert_eq!(count(Some("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256")), 1);
        assert_eq!(count(Some("TLS_AES_128_CCM_SHA256")), 0);
        assert_eq!(count(Some("TLS_AES_128_GCM_SHA256:NOPE")), 0);
    }
}
