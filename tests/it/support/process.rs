//! Programs from outside (redis-cli, node, python, sh) run to their end, with a deadline.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::project_dir;

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The standard output of a program that must have exited 0.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }
}

/// A program on PATH, or one that tests/run unpacked. The tests need it, so its absence is a failure that tells how to
/// mend it.
pub fn program(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = ["usr/bin", "bin"].map(|name| project_dir().join("target/test-tools").join(name));
    let mut folders = std::env::split_paths(&path).chain(unpacked);
    let found = folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()));
    let found = found.unwrap_or_else(|| panic!("no `{name}`: tests/run installs what the tests need"));
    Command::new(found)
}

/// A program that runs beside the test and ends with it.
pub struct Background(Child);

impl Background {
    /// Starts it, silent.
    pub fn start(command: &mut Command) -> Background {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Background(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do about an error here.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Ends the processes that have this `NAME=value` in their environment: those of a test that are no children of it.
pub fn kill_by_environment(variable: &str) {
    for process in std::fs::read_dir("/proc").expect("processes are listed").flatten() {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes()) {
            run(Command::new("kill").arg("-9").arg(process.file_name()));
        }
    }
}

/// Runs a program without input; fails the test after five minutes.
pub fn run(command: &mut Command) -> Finished {
    run_with_stdin(command, b"")
}

/// Runs a program with `input` on its standard input; fails the test after five minutes.
pub fn run_with_stdin(command: &mut Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // A program may end without reading its input: that is not an error here.
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = collect(child.stdout.take().expect("stdout is piped"));
    let stderr = collect(child.stderr.take().expect("stderr is piped"));
    let code = wait(&mut child, Duration::from_secs(300)).unwrap_or_else(|| panic!("{command:?} hangs"));
    writing.join().expect("the writer ends");
    Finished {
        code,
        stdout: stdout.join().expect("the reader ends"),
        stderr: stderr.join().expect("the reader ends"),
    }
}

/// Waits for the end of a child and tells its exit code; kills it and tells `None` after `patience`.
pub fn wait(child: &mut Child, patience: Duration) -> Option<Option<i32>> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status.code());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().and_then(|()| child.wait()).expect("a child can be killed");
    None
}

fn collect(mut stream: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
