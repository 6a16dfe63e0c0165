//! Server URIs: `redis://[[user:]password@][host[:port]][/db]`, and `rediss://` for TLS.

use crate::text::leading_integer;

/// What a URI says; the rest is left to other options and the defaults.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Uri {
    pub tls: bool,
    pub user: Option<Vec<u8>>,
    pub password: Option<Vec<u8>>,
    pub host: Option<String>,
    pub port: Option<i64>,
    pub db: Option<i64>,
}

impl Uri {
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Uri, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("Invalid URI scheme")?;
        let mut uri = Uri { tls: scheme.eq_ignore_ascii_case("rediss"), ..Uri::default() };
        if !uri.tls && !scheme.eq_ignore_ascii_case("redis") {
            return Err("Invalid URI scheme");
        }
        let rest = match rest.split_once('@') {
            Some((who, rest)) => {
                let (user, password) = match who.split_once(':') {
                    Some((user, password)) => (Some(user), password),
                    None => (None, who),
                };
                uri.user = user.map(percent_decode).transpose()?;
                uri.password = Some(percent_decode(password)?);
                rest
            }
            None => rest,
        };
        let (place, path) = match rest.split_once('/') {
            Some((place, path)) => (place, Some(path)),
            None => (rest, None),
        };
        uri.set_place(place);
        uri.db = path.filter(|path| !path.is_empty()).map(|path| leading_integer(path.as_bytes()));
        Ok(uri)
    }

    fn set_place(&mut self, place: &str) {
        if place.is_empty() {
            return;
        }
        let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        self.host = Some(host.to_owned());
        self.port = port.map(|port| leading_integer(port.as_bytes()));
    }
}

fn percent_decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let (high, low, after) = match rest {
            [] => return Err("Incomplete URI encoding"),
            [high, low, after @ ..] => (high, low, after),
            [_] => return Err("Illegal character in URI encoding"),
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            return Err("Illegal character in URI encoding");
        };
        out.push(high << 4 | low);
        rest = after;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).expect("a URI")
    }

    #[test]
    fn each_part_may_be_missing() {
        assert_eq!(uri("redis://"), Uri::default());
        assert_eq!(uri("REDISS://h"), Uri { tls: true, host: Some("h".into()), ..Uri::default() });
        assert_eq!(
            uri("redis://u:p%40%3a@h:7000/3"),
            Uri {
                user: Some(b"u".to_vec()),
                password: Some(b"p@:".to_vec()),
                host: Some("h".into()),
                port: Some(7000),
                db: Some(3),
                tls: false,
            }
        );
        assert_eq!(uri("redis://secret@"), Uri { password: Some(b"secret".to_vec()), ..Uri::default() });
        assert_eq!(uri("redis:///5"), Uri { db: Some(5), ..Uri::default() });
        assert_eq!(uri("redis://h/"), Uri { host: Some("h".into()), ..Uri::default() });
        assert_eq!(
            uri("redis://[::1]:7000"),
            Uri { host: Some("::1".into()), port: Some(7000), ..Uri::default() }
        );
    }

    #[test]
    fn what_is_no_uri() {
        assert_eq!(Uri::parse("localhost"), Err("Invalid URI scheme"));
        assert_eq!(Uri::parse("http://localhost"), Err("Invalid URI scheme"));
        assert_eq!(Uri::parse("redis://a%4@h"), Err("Illegal character in URI encoding"));
        assert_eq!(Uri::parse("redis://a%@h"), Err("Incomplete URI encoding"));
    }
}
