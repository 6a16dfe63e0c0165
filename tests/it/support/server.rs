//! The server under test as a child process: started on a free port in a temporary folder, killed on drop.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::{Client, pipeline};
use super::reply::Reply;
use super::{PATIENCE, process, wait_until};

const READY: &str = "Ready to accept connections";
/// The ports that tests use, below those of outgoing connections.
const PORTS: Range<u16> = 10_000..30_000;

/// The program under test: the built `redis-server`, or what `REDSTART_TEST_BIN` names.
///
/// Pointing it at a real Redis 7.4.1 shows that a test expects what Redis does.
pub fn server_binary() -> PathBuf {
    std::env::var_os("REDSTART_TEST_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_redis-server")), PathBuf::from)
}

/// Whether the program under test is a real Redis, which lacks what Redstart adds (`/metrics`, its own strictness).
pub fn testing_the_reference() -> bool {
    if std::env::var_os("REDSTART_TEST_BIN").is_none() {
        return false;
    }
    let output = Command::new(server_binary()).arg("--version").output().expect("the server runs");
    String::from_utf8_lossy(&output.stdout).contains("sha=74b289a0")
}

/// A port nobody listens on, and that no other test is given.
///
/// Not one that the system chooses: those it also gives to connections, and a moment later to another test. Nor is one
/// tried by listening: a child that is being started at that moment keeps the socket open until it runs its program.
pub fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..)));
    loop {
        let port = PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % (PORTS.end - PORTS.start);
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            return port;
        }
    }
}

/// A running server.
pub struct Server {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    log: Arc<Mutex<String>>,
    followers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts with nothing but a port, a folder, loopback and no save points, and waits until it is ready.
    pub fn start() -> Server {
        Server::with(&[])
    }

    /// Starts with further arguments, which win over the defaults of `start`.
    pub fn with(args: &[&str]) -> Server {
        Server::launch(None, args)
    }

    /// Starts with a configuration file of this content, then further arguments.
    pub fn with_config(config: &str, args: &[&str]) -> Server {
        Server::launch(Some(config), args)
    }

    fn launch(config: Option<&str>, args: &[&str]) -> Server {
        // Between finding a port free and the server's bind another test may take it: then try again.
        for _ in 0..5 {
            match Server::launch_once(config, args) {
                Ok(server) => return server,
                Err(log) if log.contains("Address already in use") => {}
                Err(log) => panic!("the server did not start:\n{log}"),
            }
        }
        panic!("no free port in five tries");
    }

    fn launch_once(config: Option<&str>, args: &[&str]) -> Result<Server, String> {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let port = free_port();
        let mut command = Command::new(server_binary());
        if let Some(config) = config {
            let file = folder.path().join("redis.conf");
            std::fs::write(&file, config).expect("the folder can be written");
            command.arg(file);
        }
        command.args(["--save", "", "--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]);
        command.arg(folder.path()).args(args);
        Server::spawn(&mut command, folder, port)
    }

    /// Starts a command line made by the test, which must listen on `port`, and waits until it is ready.
    pub fn spawn(command: &mut Command, folder: tempfile::TempDir, port: u16) -> Result<Server, String> {
        let quiet =
            command.get_args().any(|arg| ["--logfile", "--loglevel"].contains(&&*arg.to_string_lossy()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Mutex::new(String::new()));
        let followers = vec![
            follow(child.stdout.take().expect("stdout is piped"), Arc::clone(&log)),
            follow(child.stderr.take().expect("stderr is piped"), Arc::clone(&log)),
        ];
        let mut server = Server { child, folder, port, log, followers };
        server.wait_until_ready(quiet)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, quiet: bool) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            // A server told to log elsewhere shows by its open port that it is ready.
            let listens = quiet && TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            if listens || self.log().contains(READY) {
                return Ok(());
            }
            if self.child.try_wait().expect("a child can be waited for").is_some() {
                self.finish_log();
                return Err(self.log());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(format!("not ready after {PATIENCE:?}:\n{}", self.log()))
    }

    /// The TCP port it was told to listen on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its working folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::tcp(self.port)
    }

    /// A new connection that has sent a command and is blocked by it, or held back by a pause.
    #[track_caller]
    pub fn blocked(&self, command: &str) -> Client {
        let mut client = self.client();
        self.block(&mut client, command);
        client
    }

    /// Sends a command that blocks, the words of which are its arguments, and waits until it has.
    #[track_caller]
    pub fn block(&self, client: &mut Client, command: &str) {
        let Reply::Int(id) = client.call(&["CLIENT", "ID"]) else { panic!("an id is a number") };
        client.send(&pipeline(&[command]));
        let (mut other, id) = (self.client(), id.to_string());
        wait_until(&format!("blocked by {command}"), || {
            other.call(&["CLIENT", "LIST", "ID", &id]).text().contains(" flags=b ")
        });
    }

    /// What it has written to standard output and standard error so far. A line may arrive later than a reply that
    /// was sent after it: [`Server::wait_for_log`] waits for one.
    pub fn log(&self) -> String {
        self.log.lock().expect("no reader panicked").clone()
    }

    /// Waits until the log contains `text`.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "the log has no {text:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal (a name that kill(1) knows), waits for the end and tells the exit code.
    pub fn stop(&mut self, signal: &str) -> Option<i32> {
        let sent = process::run(Command::new("kill").args(["-s", signal, &self.pid().to_string()]));
        assert_eq!(sent.code, Some(0), "{sent:?}");
        self.wait()
    }

    /// Waits for the end of the server, and of its log, and tells its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let code = process::wait(&mut self.child, PATIENCE);
        self.finish_log();
        code.unwrap_or_else(|| panic!("still running:\n{}", self.log()))
    }

    /// Reads the log of a process that has ended to its end.
    fn finish_log(&mut self) {
        for follower in self.followers.drain(..) {
            follower.join().expect("no reader panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do about an error here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Redis 7.0 as Debian's redis-tools brings it along: under one of its other names. It works in `folder`.
pub fn debian(folder: &Path, options: &[&str]) -> Server {
    let links = tempfile::tempdir().expect("temporary folders can be made");
    let link = links.path().join("redis-server");
    std::os::unix::fs::symlink("/usr/bin/redis-check-rdb", &link).expect("a link can be made");
    let port = free_port();
    let mut command = Command::new(link);
    command
        .args(["--save", "", "--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
        .arg(folder)
        .args(options);
    Server::spawn(&mut command, links, port).expect("Debian's server starts")
}

fn follow(stream: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut log = log.lock().expect("no reader panicked");
            log.push_str(&String::from_utf8_lossy(&line));
            log.push('\n');
        }
    })
}
