//! The command line of redis-server: `[file | -] [--directive value ...] [-]`.
//!
//! Options become lines behind those of the file, so they override it, and what can be written there can
//! be written here. `-v`, `--help` and their like are for `main` to look for before.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::words::{quote_into, split, trim};

/// The command line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Args {
    /// The absolute path of the configuration file.
    pub file: Option<PathBuf>,
    /// Read further lines from standard input, after the file's.
    pub stdin: bool,
    /// The options as lines.
    pub options: Vec<u8>,
}

impl Args {
    /// Takes the arguments after the program's name apart.
    pub fn parse(args: &[OsString], cwd: &Path) -> Self {
        let mut parsed = Args { file: None, stdin: false, options: Vec::new() };
        let mut options = args;
        if let [first, rest @ ..] = args
            && !first.as_bytes().starts_with(b"-")
        {
            parsed.file = Some(absolute(first.as_bytes(), cwd));
            options = rest;
        }
        // A directive takes at least one value, so what follows it is one even with dashes in front.
        let mut wants_value = false;
        for (index, arg) in options.iter().enumerate() {
            let arg = arg.as_bytes();
            let next = options.get(index + 1).map(|next| next.as_bytes());
            let at_an_end = next.is_none() || (index == 0 && parsed.file.is_none());
            if arg == b"-" && at_an_end {
                parsed.stdin = true;
            } else if arg.starts_with(b"--") && !wants_value {
                wants_value = parsed.push_directive(arg, next);
            } else {
                quote_into(&mut parsed.options, arg);
                parsed.options.push(b' ');
                wants_value = false;
            }
        }
        parsed
    }

    /// Begins a line; whether a value must follow.
    fn push_directive(&mut self, arg: &[u8], next: Option<&[u8]>) -> bool {
        if !self.options.is_empty() {
            self.options.push(b'\n');
        }
        self.options.extend(&arg[2..]);
        self.options.push(b' ');
        // As in "--port 6380" within one argument.
        let has_value = split(arg).map_or(true, |words| words.len() != 1);
        if has_value {
            return false;
        }
        // Scripts that make the list of save points produce a bare --save when it is empty.
        let bare_save =
            arg.eq_ignore_ascii_case(b"--save") && next.is_none_or(|next| next.starts_with(b"--"));
        if bare_save {
            self.options.extend(b"\"\"");
        }
        !bare_save
    }
}

/// A path from the root, without `../` at its beginning.
fn absolute(path: &[u8], cwd: &Path) -> PathBuf {
    let mut path = trim(path);
    let mut base = cwd.to_owned();
    while let Some(rest) = path.strip_prefix(b"../") {
        base.pop();
        path = rest;
    }
    base.join(std::ffi::OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> (Option<PathBuf>, bool, String) {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let Args { file, stdin, options } = Args::parse(&args, Path::new("/a/b"));
        (file, stdin, String::from_utf8(options).unwrap())
    }

    #[test]
    fn options_become_lines() {
        for (args, lines) in [
            (
                &["--port", "1", "--save", "300 10", "--save", "60", "5"][..],
                "port \"1\" \nsave \"300 10\" \nsave \"60\" \"5\" ",
            ),
            (&["--port 6380", "--loglevel", "debug"], "port 6380 \nloglevel \"debug\" "),
            (&["--save", "--port", "1"], "save \"\"\nport \"1\" "),
            (&["--port", "1", "--save"], "port \"1\" \nsave \"\""),
            (&["--save", ""], "save \"\" "),
            (&["--requirepass", "--x", "--port", "1"], "requirepass \"--x\" \nport \"1\" "),
            (&["-p", "1"], "\"-p\" \"1\" "),
            (&["--bind", "127.0.0.1", "::1"], "bind \"127.0.0.1\" \"::1\" "),
        ] {
            assert_eq!(parse(args), (None, false, lines.to_owned()));
        }
    }

    #[test]
    fn file_and_stdin() {
        assert_eq!(
            parse(&["x.conf", "--port", "1"]),
            (Some("/a/b/x.conf".into()), false, "port \"1\" ".into())
        );
        assert_eq!(parse(&["../x.conf", "-"]), (Some("/a/x.conf".into()), true, String::new()));
        assert_eq!(parse(&["-", "--port", "1"]), (None, true, "port \"1\" ".into()));
        assert_eq!(
            parse(&["/x", "-", "--port", "1"]),
            (Some("/x".into()), false, "\"-\" port \"1\" ".replace("\" port", "\" \nport"))
        );
        assert_eq!(parse(&[]), (None, false, String::new()));
    }
}
