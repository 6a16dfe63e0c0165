//! A session: the connection with what the server knows of it (user, database, protocol, transaction,
//! subscriptions), made anew when it is lost.

mod issue;
mod streaming;
mod subscribed;
mod sync;

use std::sync::Arc;

pub use self::streaming::Streaming;
pub use self::sync::{Payload, follow_stream, start_sync};
use crate::connection::{Connection, Failure, OpenError};
use crate::options::{Options, Protocol, Target};
use crate::output;
use crate::text::lossy;
use crate::wire::Reply;

/// From the left edge on.
const ERASE_LINE: &str = "\r\x1b[0K";
const RECONNECT_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// What was asked for can't be done, and the user has been told why.
#[derive(Debug)]
pub struct Told;

/// Why a mode ends: words for standard error, none if all has been said.
#[derive(Debug)]
pub struct Failed(pub String);

impl From<Told> for Failed {
    fn from(_: Told) -> Failed {
        Failed(String::new())
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Failed {
        Failed(format!("Error: {failure}"))
    }
}

/// Whether a server that doesn't answer is worth a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    Loud,
    Quiet,
}

/// What is done with messages that a RESP3 server sends unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushes {
    /// Shown or left out, as the options say; then the reply is waited for.
    Aside,
    /// They are what is waited for.
    Awaited,
}

/// See the head of this file.
pub struct Session {
    pub options: Options,
    connection: Option<Connection>,
    /// The database in use.
    db: i64,
    resp3: bool,
    /// Within MULTI: the database before it.
    transaction: Option<i64>,
    subscribed: bool,
    pushes: Pushes,
    /// A redirection was followed: the command is to be sent again.
    redirected: bool,
    /// The other server must be told ASKING first.
    asking: bool,
    /// SHUTDOWN was sent: the end of the connection is its reply.
    shutting_down: bool,
    /// Set for who types commands: they go on after a lost connection, and Ctrl-C ends what streams.
    interactive: Option<Arc<Streaming>>,
}

impl Session {
    /// One without a connection.
    pub fn new(options: Options) -> Session {
        Session {
            options,
            connection: None,
            db: 0,
            resp3: false,
            transaction: None,
            subscribed: false,
            pushes: Pushes::Aside,
            redirected: false,
            asking: false,
            shutting_down: false,
            interactive: None,
        }
    }

    /// Lets a person type commands from now on.
    pub fn set_interactive(&mut self, streaming: Arc<Streaming>) {
        self.interactive = Some(streaming);
    }

    pub fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// The connection, for modes that talk to it themselves.
    ///
    /// # Errors
    /// There is none.
    pub fn connection(&mut self) -> Result<&mut Connection, Failure> {
        self.connection.as_mut().ok_or(Failure::Closed)
    }

    /// A prompt for a person: where commands go, and in what state.
    pub fn prompt(&self) -> String {
        if self.connection.is_none() {
            return "not connected> ".into();
        }
        let place = match &self.options.network.target {
            Target::Unix(path) => format!("redis {}", path.display()),
            Target::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Target::Tcp { host, port } => format!("{host}:{port}"),
        };
        let db = if self.db == 0 { String::new() } else { format!("[{}]", self.db) };
        let transaction = if self.transaction.is_some() { "(TX)" } else { "" };
        let subscribed = if self.subscribed { "(subscribed mode)" } else { "" };
        format!("{place}{db}{transaction}{subscribed}> ")
    }

    /// Goes to another server.
    pub fn set_place(&mut self, host: String, port: u16) {
        self.options.network.target = Target::Tcp { host, port };
    }

    /// Connects, in place of a connection that may be there: authenticates, selects the database, chooses the
    /// protocol. Where one of these fails the connection is there all the same.
    ///
    /// # Errors
    /// Told, but for a server that doesn't answer when `voice` is quiet.
    pub fn connect(&mut self, voice: Voice) -> Result<(), Told> {
        self.connection = None;
        self.db = 0;
        self.transaction = None;
        self.subscribed = false;
        self.resp3 = false;
        self.pushes = Pushes::Aside;
        match Connection::open(&self.options.network) {
            Ok(connection) => self.connection = Some(connection),
            Err(OpenError::Tls(why)) => {
                eprintln!("Could not negotiate a TLS connection: {why}");
                return Err(Told);
            }
            Err(OpenError::Unreachable(why)) => {
                if voice == Voice::Loud {
                    eprintln!("Could not connect to Redis at {}: {why}", self.place());
                }
                return Err(Told);
            }
        }
        self.authenticate()?;
        self.select()?;
        self.choose_protocol()
    }

    fn place(&self) -> String {
        match &self.options.network.target {
            Target::Unix(path) => path.display().to_string(),
            Target::Tcp { host, port } => format!("{host}:{port}"),
        }
    }

    /// Sends a command of a mode. A lost connection is the end of it.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn call_once<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Reply, Failed> {
        let reply = self.connection().and_then(|connection| connection.call(words));
        reply.map_err(|_| Failed("\nI/O error".into()))
    }

    /// Sends a command of a mode; connects again and again where the connection is lost.
    ///
    /// # Errors
    /// What came is no reply.
    pub fn call_for_ever<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Reply, Failed> {
        let mut tries = 0;
        loop {
            match self.connection().and_then(|connection| connection.call(words)) {
                Ok(reply) => {
                    if tries > 0 {
                        output::print(format_args!("{ERASE_LINE}"));
                    }
                    return Ok(reply);
                }
                Err(failure) if failure.is_of_network() => {
                    tries += 1;
                    output::print(format_args!("{ERASE_LINE}Reconnecting... {tries}\r"));
                    // Whether it worked shows with the next request.
                    let _told = self.connect(Voice::Quiet);
                    std::thread::sleep(RECONNECT_PAUSE);
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Sends a command of the session's own.
    fn call(&mut self, words: &[&[u8]]) -> Result<Reply, Told> {
        match self.connection().and_then(|connection| connection.call(words)) {
            Ok(reply) => Ok(reply),
            Err(_) => {
                self.connection = None;
                eprintln!("\nI/O error");
                Err(Told)
            }
        }
    }

    fn authenticate(&mut self) -> Result<(), Told> {
        let Some(password) = self.options.password.clone() else { return Ok(()) };
        let user = self.options.user.clone();
        let reply = match &user {
            Some(user) => self.call(&[b"AUTH", user, &password])?,
            None => self.call(&[b"AUTH", &password])?,
        };
        accepted(&reply, "AUTH")
    }

    /// Goes to the wanted database if another one is in use.
    fn select(&mut self) -> Result<(), Told> {
        let wanted = self.options.db;
        if wanted == self.db {
            return Ok(());
        }
        let reply = self.call(&[b"SELECT", wanted.to_string().as_bytes()])?;
        accepted(&reply, &format!("SELECT {wanted}"))?;
        self.db = wanted;
        Ok(())
    }

    fn choose_protocol(&mut self) -> Result<(), Told> {
        let protocol = self.options.protocol;
        if protocol == Protocol::Unasked {
            return Ok(());
        }
        let reply = self.call(&[b"HELLO", b"3"])?;
        let accepted = accepted(&reply, "HELLO 3");
        self.resp3 = accepted.is_ok();
        if protocol == Protocol::Resp3 { accepted } else { Ok(()) }
    }

    /// The next reply. Messages that come unasked are put aside before it, unless they are what is waited for.
    fn next_reply(&mut self) -> Result<Reply, Failure> {
        loop {
            match self.connection()?.receive()? {
                push @ Reply::Push(_) if self.pushes == Pushes::Aside => {
                    if self.options.show_pushes {
                        output::write(&self.options.formatter.render_push(&push));
                    }
                }
                reply => return Ok(reply),
            }
        }
    }

    fn show(&self, reply: &Reply) {
        output::write(&self.options.formatter.render(reply));
    }
}

fn accepted(reply: &Reply, what: &str) -> Result<(), Told> {
    let Reply::Error(why) = reply else { return Ok(()) };
    eprintln!("{what} failed: {}", lossy(why));
    Err(Told)
}
