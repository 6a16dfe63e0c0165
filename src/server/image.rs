//! What the container image asks of the server by its environment: defaults, a password from a secret, and not to run
//! as root.
//!
//! | variable | what it holds |
//! |---|---|
//! | `REDSTART_DEFAULTS` | a configuration file that is read before that of the command line |
//! | `REDIS_PASSWORD` | `requirepass`; heeded only beside `REDSTART_DEFAULTS`: elsewhere it may be a client's |
//! | `REDIS_PASSWORD_FILE` | a file that holds it, with or without a line end |
//! | `REDSTART_USER` | `UID:GID` to go on as when started by root |
//!
//! All of them are defaults: what the command line and its file say wins. The secret is read before root is given up,
//! since only root may be allowed to; everything else the server reads and writes as its user.

use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

use crate::base::words::quote_into;
use crate::config::{Config, os_text};

/// An environment: the value of a variable, `None` if it is unset or empty.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Does what the environment of this process asks for. To be called before there is a second thread and before the
/// command line is loaded.
///
/// # Errors
/// A text for the operator: the server must not start.
pub fn prepare(config: &mut Config) -> Result<(), String> {
    prepare_in(config, &|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn prepare_in(config: &mut Config, environment: Environment) -> Result<(), String> {
    if let Some(file) = environment("REDSTART_DEFAULTS") {
        let mut lines = read(&file)?;
        if let Some(password) = password(environment)? {
            lines.extend(b"\nrequirepass ");
            quote_into(&mut lines, &password);
        }
        config.load_text(&lines).map_err(|error| error.to_string())?;
    }
    match environment("REDSTART_USER") {
        Some(user) if geteuid().is_root() => give_up_root(&user),
        _ => Ok(()),
    }
}

fn read(file: &OsString) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("Can't read {}: {}", file.display(), os_text(&error)))
}

fn password(environment: Environment) -> Result<Option<Vec<u8>>, String> {
    let file = match (environment("REDIS_PASSWORD"), environment("REDIS_PASSWORD_FILE")) {
        (Some(_), Some(_)) => {
            return Err("REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set: which one holds?".to_owned());
        }
        (password, None) => return Ok(password.map(OsString::into_vec)),
        (None, Some(file)) => file,
    };
    let mut password = read(&file)?;
    while password.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        password.pop();
    }
    // Somebody wanted a password: without one everybody would be let in.
    if password.is_empty() {
        return Err(format!("REDIS_PASSWORD_FILE: {} is empty", file.display()));
    }
    Ok(Some(password))
}

/// Goes on as another user, who gets what lies in the working directory, a volume perhaps that root has written.
fn give_up_root(user: &OsString) -> Result<(), String> {
    let (uid, gid) =
        ids(user.as_bytes()).ok_or_else(|| format!("REDSTART_USER: {} is not UID:GID", user.display()))?;
    if let Err((path, error)) = own_all_in(Path::new("."), uid) {
        // A file mounted into the volume, say; whether it is needed will be seen.
        eprintln!("Can't make user {uid} the owner of {}: {}", path.display(), os_text(&error));
    }
    let done =
        setgroups(&[]).and_then(|()| setgid(Gid::from_raw(gid))).and_then(|()| setuid(Uid::from_raw(uid)));
    done.map_err(|error| {
        format!(
            "Can't go on as user {uid}:{gid} instead of root: {}. \
             Start the container as that user, or set REDSTART_USER to nothing to stay root.",
            os_text(&error.into())
        )
    })
}

fn ids(user: &[u8]) -> Option<(u32, u32)> {
    let (uid, gid) = std::str::from_utf8(user).ok()?.split_once(':')?;
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

/// Makes a user the owner of a folder and all in it, links themselves and not what they lead to. Goes on behind what
/// it can't change, and tells the first of that. The root of all files is left alone.
fn own_all_in(folder: &Path, uid: u32) -> Result<(), (PathBuf, io::Error)> {
    let absolute = fs::canonicalize(folder).map_err(|error| (folder.to_owned(), error))?;
    if absolute == Path::new("/") {
        return Ok(());
    }
    let mut failed = None;
    let mut fail = |path: &Path, error: io::Error| {
        failed.get_or_insert_with(|| (path.to_owned(), error));
    };
    let mut left = vec![absolute];
    while let Some(path) = left.pop() {
        match fs::symlink_metadata(&path) {
            Ok(about) => {
                own(&path, &about, uid).unwrap_or_else(|error| fail(&path, error));
                match entries(&path, &about) {
                    Ok(entries) => left.extend(entries.iter().map(DirEntry::path)),
                    Err(error) => fail(&path, error),
                }
            }
            Err(error) => fail(&path, error),
        }
    }
    failed.map_or(Ok(()), Err)
}

fn own(path: &Path, about: &Metadata, uid: u32) -> io::Result<()> {
    if about.uid() == uid { Ok(()) } else { lchown(path, Some(uid), None) }
}

fn entries(path: &Path, about: &Metadata) -> io::Result<Vec<DirEntry>> {
    if about.is_dir() { fs::read_dir(path)?.collect() } else { Ok(vec![]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `prepare` makes of these variables, `~` standing for a folder with the files.
    fn prepared(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let environment = |name: &str| {
            let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
            Some(value.replace('~', folder.path().to_str().unwrap()).into())
        };
        let mut config = Config::in_dir(folder.path());
        prepare_in(&mut config, &environment).map(|()| config)
    }

    fn required(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<String, String> {
        let files = [&[("defaults", "port 7000\n")], files].concat();
        let variables = [&[("REDSTART_DEFAULTS", "~/defaults")], variables].concat();
        let settings = prepared(&variables, &files)?.settings();
        assert_eq!(settings.main_port(), 7000);
        let password = settings.security.requirepass.as_deref().unwrap_or_default();
        Ok(String::from_utf8(password.to_vec()).unwrap())
    }

    #[test]
    fn a_password_comes_from_the_environment_or_from_a_file() {
        assert_eq!(required(&[], &[]).unwrap(), "");
        assert_eq!(required(&[("REDIS_PASSWORD", "a \"b\\")], &[]).unwrap(), "a \"b\\");
        let file = ("REDIS_PASSWORD_FILE", "~/secret");
        assert_eq!(required(&[file], &[("secret", "q+w/e=\n")]).unwrap(), "q+w/e=");
        assert_eq!(required(&[file], &[("secret", " a b \r\n")]).unwrap(), " a b ");
    }

    #[test]
    fn a_password_that_was_meant_is_never_left_out() {
        let file = ("REDIS_PASSWORD_FILE", "~/secret");
        assert!(required(&[file], &[]).unwrap_err().ends_with("/secret: No such file or directory"));
        assert!(required(&[file], &[("secret", "\n")]).unwrap_err().ends_with("/secret is empty"));
        let both = required(&[file, ("REDIS_PASSWORD", "x")], &[("secret", "y")]);
        assert!(both.unwrap_err().contains("both set"));
    }

    #[test]
    fn outside_of_the_image_the_password_is_somebody_elses() {
        let config = prepared(&[("REDIS_PASSWORD", "x")], &[]).unwrap();
        assert!(config.settings().security.requirepass.is_none());
    }

    #[test]
    fn broken_defaults_stop_the_start() {
        let told = |files: &[(&str, &str)]| prepared(&[("REDSTART_DEFAULTS", "~/defaults")], files).err();
        assert!(told(&[("defaults", "nonsense 1\n")]).unwrap().contains(">>> 'nonsense 1'"));
        assert!(told(&[]).unwrap().contains("No such file or directory"));
    }

    #[test]
    fn users_are_two_numbers() {
        assert_eq!(ids(b"999:1000"), Some((999, 1000)));
        for wrong in [&b"redis"[..], b"999", b"999:", b"999:redis", b"-1:0", b"999:1000:1", b"\xff:1"] {
            assert_eq!(ids(wrong), None);
        }
    }
}
