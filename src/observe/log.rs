//! The log, through `tracing`, in the line format that operators' tools parse:
//! `pid:role dd Mon yyyy hh:mm:ss.mmm mark text`.

use std::fmt::{self, Write as _};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::config::LogLevel;

/// What lines say of a primary, as every server is here.
const ROLE: char = 'M';

/// The switches of the log, changed by CONFIG SET.
#[derive(Clone)]
pub struct Log {
    level: Arc<AtomicU8>,
    file: Arc<Mutex<Option<PathBuf>>>,
}

impl Log {
    /// Starts logging for the whole process: to the file, or to standard output if there is none.
    pub fn start(level: LogLevel, file: Option<PathBuf>) -> Log {
        let log = Log { level: Arc::new(AtomicU8::new(level as u8)), file: Arc::new(Mutex::new(file)) };
        let subscriber = tracing_subscriber::registry().with(log.clone());
        // A second server in one process, as tests have, keeps the first one's log.
        let _ = tracing::subscriber::set_global_default(subscriber);
        log
    }

    /// Sets the least important level that is written.
    pub fn set_level(&self, level: LogLevel) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    /// Whether a line of this level is written.
    fn wants(&self, level: Level) -> bool {
        let least = self.level.load(Ordering::Relaxed);
        let importance = match level {
            Level::ERROR | Level::WARN => LogLevel::Warning as u8,
            Level::INFO => LogLevel::Notice as u8,
            Level::DEBUG => LogLevel::Verbose as u8,
            _ => LogLevel::Debug as u8,
        };
        importance >= least && least != LogLevel::Nothing as u8
    }

    fn write(&self, line: &str) {
        let file = self.file.lock();
        let written = match &*file {
            // Opened anew for each line, as Redis does, so that moving the file away rotates it.
            Some(path) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .and_then(|mut file| file.write_all(line.as_bytes())),
            None => std::io::stdout().lock().write_all(line.as_bytes()),
        };
        // There is nowhere left to say that the log can't be written.
        let _ = written;
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_event() && metadata.target().starts_with("redstart") && self.wants(*metadata.level())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mark = match *event.metadata().level() {
            Level::ERROR | Level::WARN => '#',
            Level::INFO => '*',
            Level::DEBUG => '-',
            _ => '.',
        };
        let now = chrono::Local::now().format("%d %b %Y %H:%M:%S%.3f");
        let mut line = format!("{}:{ROLE} {now} {mark} ", std::process::id());
        event.record(&mut Message(&mut line));
        line.push('\n');
        self.write(&line);
    }
}

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string can't fail.
        let _ = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}
