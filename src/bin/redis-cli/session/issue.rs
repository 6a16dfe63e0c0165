//! Sending a command and showing what comes back, with what the command changes in the session.

use std::thread::sleep;

use super::{Failed, Failure, Pushes, Session, Told, Voice, accepted, follow_stream};
use crate::options::Target;
use crate::output;
use crate::text::{is, leading_integer, lossy, split};
use crate::wire::Reply;

/// Why a command's replies have come to an end.
enum Ended {
    Lost(Failure),
    /// For another reason, in words for people: an error reply where errors end the program, a failed SYNC.
    Because(String),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Lost(failure)
    }
}

/// What is special about a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Traits {
    Plain,
    /// Its replies are messages, one for each channel.
    Subscribes,
    Unsubscribes,
    Monitors,
    Replicates,
}

impl Traits {
    fn of(command: &[u8]) -> Traits {
        let any = |names: &[&str]| names.iter().any(|name| is(command, name));
        if any(&["subscribe", "psubscribe", "ssubscribe"]) {
            Traits::Subscribes
        } else if any(&["unsubscribe", "punsubscribe", "sunsubscribe"]) {
            Traits::Unsubscribes
        } else if is(command, "monitor") {
            Traits::Monitors
        } else if any(&["sync", "psync"]) {
            Traits::Replicates
        } else {
            Traits::Plain
        }
    }
}

/// Whether the reply is a text for people, which no format should quote.
fn replies_with_text(words: &[Vec<u8>]) -> bool {
    let second = |names: &[&str]| words.get(1).is_some_and(|word| names.iter().any(|name| is(word, name)));
    match &words[0].to_ascii_lowercase()[..] {
        b"info" | b"lolwut" => true,
        b"debug" => second(&["htstats", "htstats-key", "client-eviction"]),
        b"memory" => second(&["malloc-stats", "doctor"]),
        b"client" => second(&["list", "info"]),
        b"cluster" => words.len() == 2 && second(&["nodes", "info"]),
        b"latency" => words.len() == 3 && second(&["graph"]) || words.len() == 2 && second(&["doctor"]),
        b"proxy" => second(&["info"]),
        _ => false,
    }
}

impl Session {
    /// Sends a command so many times, for ever where `repeat` is negative, and shows the replies. Connects first if
    /// that is needed, and follows redirections if that is wanted.
    ///
    /// # Errors
    /// Told: the connection is lost, or an error reply is to end the program.
    pub fn issue(&mut self, words: &[Vec<u8>], repeat: i64) -> Result<(), Told> {
        loop {
            if self.redirected || self.connection.is_none() {
                self.redirected = false;
                self.connect(Voice::Loud)?;
            }
            if std::mem::take(&mut self.asking) {
                let reply = self.call(&[b"ASKING"])?;
                accepted(&reply, "ASKING")?;
            }
            match self.send(words, repeat) {
                Ok(()) if self.redirected => {}
                Ok(()) => return Ok(()),
                Err(Ended::Lost(_)) if std::mem::take(&mut self.shutting_down) => {
                    self.connection = None;
                    return Ok(());
                }
                Err(Ended::Lost(failure)) => {
                    eprintln!("Error: {failure}");
                    self.connection = None;
                    return Err(Told);
                }
                Err(Ended::Because(why)) => {
                    eprintln!("{why}");
                    self.connection = None;
                    return Err(Told);
                }
            }
        }
    }

    /// Shows messages until the connection ends, which is told.
    pub fn show_messages(&mut self) -> Told {
        loop {
            if let Err(ended) = self.show_next(false) {
                match ended {
                    Ended::Lost(failure) => eprintln!("Error: {failure}"),
                    Ended::Because(why) => eprintln!("{why}"),
                }
                return Told;
            }
        }
    }

    fn send(&mut self, words: &[Vec<u8>], repeat: i64) -> Result<(), Ended> {
        let traits = Traits::of(&words[0]);
        let as_text = replies_with_text(words);
        self.shutting_down = is(&words[0], "shutdown");
        let mut left = repeat;
        while left != 0 {
            left -= i64::from(left > 0);
            let connection = self.connection()?;
            connection.queue(words);
            connection.flush()?;
            match traits {
                Traits::Monitors => return self.monitor(),
                Traits::Replicates => return self.replicate(),
                Traits::Plain => {
                    let reply = self.plain_reply(as_text)?;
                    self.learn(words, &reply);
                }
                Traits::Subscribes | Traits::Unsubscribes => {
                    self.subscription_replies(words, traits == Traits::Subscribes)?;
                }
            }
            if self.redirected {
                break;
            }
            if !self.options.interval.is_zero() {
                sleep(self.options.interval);
            }
        }
        Ok(())
    }

    fn plain_reply(&mut self, as_text: bool) -> Result<Reply, Ended> {
        loop {
            let reply = self.show_next(as_text)?;
            // While subscribed, messages may come before the reply.
            if !self.subscribed || !(self.is_message(&reply) || matches!(reply, Reply::Push(_))) {
                return Ok(reply);
            }
        }
    }

    /// Shows a confirmation for each channel, and what comes in between.
    fn subscription_replies(&mut self, words: &[Vec<u8>], subscribes: bool) -> Result<(), Ended> {
        let mut expected = words.len().saturating_sub(1).max(1);
        self.pushes = Pushes::Awaited;
        while expected > 0 {
            let reply = self.show_next(false)?;
            if self.is_message(&reply) {
                if confirms(&reply, &words[0]) {
                    self.subscribed |= subscribes;
                    expected -= 1;
                }
            } else if !matches!(reply, Reply::Push(_)) {
                break;
            }
        }
        if !self.subscribed {
            self.pushes = Pushes::Aside;
        }
        Ok(())
    }

    /// Whether a reply is a message of publish and subscribe.
    fn is_message(&self, reply: &Reply) -> bool {
        let items = match reply {
            Reply::Push(items) if self.resp3 => items,
            Reply::Array(items) if !self.resp3 => items,
            _ => return false,
        };
        match &items[..] {
            [Reply::Bulk(kind), _, _, ..] => kind.ends_with(b"message") || kind.ends_with(b"subscribe"),
            _ => false,
        }
    }

    /// Reads a reply and shows it, or follows it to another server.
    fn show_next(&mut self, as_text: bool) -> Result<Reply, Ended> {
        let reply = self.next_reply()?;
        if let Reply::Error(text) = &reply {
            if self.options.follow_redirections && self.follow(text) {
                return Ok(reply);
            }
            if self.options.exit_on_error && self.interactive.is_none() {
                return Err(Ended::Because(lossy(text)));
            }
        }
        if as_text {
            output::write(&self.options.formatter.render_text(&reply));
        } else {
            self.show(&reply);
        }
        Ok(reply)
    }

    /// Whether an error names another server, which is where the session goes then.
    fn follow(&mut self, error: &[u8]) -> bool {
        let words = split(error).unwrap_or_default();
        let [kind @ (b"MOVED" | b"ASK"), slot, place, ..] =
            &words.iter().map(|w| &w[..]).collect::<Vec<_>>()[..]
        else {
            return false;
        };
        let place = lossy(place);
        let Some((host, port)) = place.rsplit_once(':') else { return false };
        let Ok(port) = port.parse() else { return false };
        // The host is empty where the server doesn't know how it is called.
        let host = match &self.options.network.target {
            Target::Tcp { host: current, .. } if host.is_empty() => current.clone(),
            _ => host.to_owned(),
        };
        if self.interactive.is_some() {
            output::print(format_args!("-> Redirected to slot [{}] located at {host}:{port}\n", lossy(slot)));
        }
        self.asking = *kind == b"ASK";
        self.set_place(host, port);
        self.redirected = true;
        true
    }

    fn monitor(&mut self) -> Result<(), Ended> {
        self.begin_streaming();
        loop {
            match self.show_next(false) {
                Ok(Reply::Error(_)) => {
                    self.end_streaming();
                    return Ok(());
                }
                Ok(_) => {}
                Err(_) if self.end_streaming() => {
                    // Told, if it fails; the next command tries again.
                    let _told = self.connect(Voice::Loud);
                    return Ok(());
                }
                Err(ended) => return Err(ended),
            }
        }
    }

    fn replicate(&mut self) -> Result<(), Ended> {
        output::print(format_args!("Entering replica output mode...  (press Ctrl-C to quit)\n"));
        let connection = self.connection()?;
        match follow_stream(connection) {
            Ok(never) => match never {},
            Err(Failed(why)) => Err(Ended::Because(why)),
        }
    }

    pub(super) fn begin_streaming(&mut self) {
        if let (Some(streaming), Some(connection)) = (&self.interactive, &self.connection) {
            streaming.begin(connection);
        }
    }

    /// Tells whether Ctrl-C has ended the stream.
    pub(super) fn end_streaming(&self) -> bool {
        self.interactive.as_ref().is_some_and(|streaming| streaming.end())
    }

    /// Takes note of what a command has changed in the session.
    fn learn(&mut self, words: &[Vec<u8>], reply: &Reply) {
        let failed = reply.is_error();
        match (&words[0].to_ascii_lowercase()[..], words.len()) {
            (b"select", 2) if !failed => self.set_db(leading_integer(&words[1])),
            (b"auth", 2 | 3) => {
                // Told, if it fails.
                let _told = self.select();
            }
            (b"multi", 1) if !failed => self.transaction = Some(self.db),
            (b"exec", 1) => {
                if let Some(before) = self.transaction.take()
                    && (failed || *reply == Reply::Nil)
                {
                    self.set_db(before);
                }
            }
            (b"discard", 1) if !failed => {
                if let Some(before) = self.transaction.take() {
                    self.set_db(before);
                }
            }
            (b"reset", 1) if !failed => {
                self.transaction = None;
                self.set_db(0);
                self.resp3 = false;
                self.subscribed = false;
                self.pushes = Pushes::Aside;
            }
            (b"hello", _) if !failed => self.resp3 = matches!(reply, Reply::Map(_)),
            _ => {}
        }
    }

    fn set_db(&mut self, db: i64) {
        self.db = db;
        self.options.db = db;
    }
}

/// Whether a message confirms what this command asked for.
fn confirms(message: &Reply, command: &[u8]) -> bool {
    let kind = message.items().and_then(|items| items.first()).and_then(Reply::text);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(command))
}
