//! Commands with secrets in them, which are kept out of the file of the history.

use crate::text::is;

/// Whether a command has, or may have, a password or the name of a user.
pub fn is_sensitive(words: &[Vec<u8>]) -> bool {
    let word =
        |at: usize, names: &[&str]| words.get(at).is_some_and(|word| names.iter().any(|name| is(word, name)));
    match &words[0].to_ascii_lowercase()[..] {
        b"auth" => true,
        b"acl" => word(1, &["deluser", "setuser", "getuser"]),
        b"config" => word(1, &["set"]) && sets_secret(words.get(2..).unwrap_or_default()),
        b"hello" if words.len() > 4 => hello_authenticates(&words[2..]),
        b"migrate" if words.len() > 7 => migrate_authenticates(&words[6..]),
        b"sentinel" if words.len() > 4 => {
            word(1, &["config"]) && word(2, &["set"]) && word(3, &["sentinel-pass", "sentinel-user"])
                || word(1, &["set"]) && word(3, &["auth-pass", "auth-user"])
        }
        _ => false,
    }
}

fn sets_secret(pairs: &[Vec<u8>]) -> bool {
    let secrets =
        ["masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass", "requirepass"];
    pairs.iter().step_by(2).any(|name| secrets.iter().any(|secret| is(name, secret)))
}

/// The options of HELLO: AUTH and SETNAME.
fn hello_authenticates(options: &[Vec<u8>]) -> bool {
    match options {
        [name, _, _, ..] if is(name, "AUTH") => true,
        [name, _, rest @ ..] if is(name, "SETNAME") => hello_authenticates(rest),
        _ => false,
    }
}

/// The options of MIGRATE, which end where its keys begin.
fn migrate_authenticates(options: &[Vec<u8>]) -> bool {
    let (mut at, has_more) = (0, |at: usize, more: usize| at + more < options.len());
    while let Some(option) = options.get(at) {
        if is(option, "auth") && has_more(at, 1) || is(option, "auth2") && has_more(at, 2) {
            return true;
        }
        if is(option, "keys") && has_more(at, 1) {
            return false;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_users() {
        let words = |line: &str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        for line in [
            "AUTH x",
            "auth u p",
            "ACL SETUSER u",
            "acl getuser u",
            "CONFIG SET maxmemory 1 RequirePass x",
            "HELLO 3 AUTH u p",
            "hello 3 setname n auth u p",
            "MIGRATE h 1 k 0 5 COPY AUTH p",
            "MIGRATE h 1 k 0 5 AUTH2 u p",
            "sentinel set m auth-pass p",
            "sentinel config set sentinel-user u",
        ] {
            assert!(is_sensitive(&words(line)), "{line}");
        }
        for line in [
            "GET auth",
            "ACL WHOAMI",
            "ACL",
            "CONFIG GET requirepass",
            "CONFIG SET",
            "CONFIG SET maxmemory requirepass",
            "HELLO 3",
            "HELLO 3 SETNAME AUTH",
            "MIGRATE h 1 k 0 5 KEYS auth x y",
            "MIGRATE h 1 k 0 5 COPY AUTH",
        ] {
            assert!(!is_sensitive(&words(line)), "{line}");
        }
    }
}
