//! Replaying the commands of a log.

use std::io::BufRead;

use super::commands::{CommandReader, Damage, Line};

/// What runs the commands of a log: the road that all commands take, which lies above.
pub trait Replay {
    /// Runs a command. What it replies doesn't matter.
    ///
    /// # Errors
    /// There is no such command, or no such database: what is wrong.
    fn run(&mut self, args: &[&[u8]]) -> Result<(), String>;

    /// Whether a transaction has begun that hasn't ended.
    fn is_in_transaction(&self) -> bool;

    /// Gives up a transaction that has begun, if one has.
    fn abandon(&mut self);

    /// Whether loading is to end, since nobody wants it any more.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Why a log can't be replayed to its end. What is before `good` has been run.
#[derive(Debug)]
pub struct LoadFailure {
    /// The offset behind the last complete change.
    pub good: u64,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a log.
#[derive(Debug)]
pub enum Reason {
    /// It ends within a command.
    CutOff,
    /// It ends within a transaction.
    OpenTransaction,
    /// It isn't made of commands: at this offset.
    Format(u64, &'static str),
    /// It has a command that can't be run: why.
    Impossible(String),
    /// It can't be read.
    Io(std::io::Error),
    /// Loading was given up.
    Cancelled,
}

/// Runs the commands of a log that begins at an offset of its file. Returns the offset of its end.
///
/// A transaction runs when its end has been read, so that nobody ever gets a part of one.
///
/// # Errors
/// The first damage.
pub fn load_commands(input: impl BufRead, offset: u64, replay: &mut dyn Replay) -> Result<u64, LoadFailure> {
    let mut reader = CommandReader::new(input, offset);
    let mut good = offset;
    let mut args = Vec::new();
    let fail = |good, reason| Err(LoadFailure { good, reason });
    loop {
        let begin = reader.offset();
        match reader.next(&mut args) {
            Ok(None) if replay.is_in_transaction() => {
                replay.abandon();
                return fail(good, Reason::OpenTransaction);
            }
            Ok(None) => return Ok(good),
            Ok(Some(Line::Annotation(_))) => {}
            Ok(Some(Line::Command)) => {
                let borrowed: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                if let Err(why) = replay.run(&borrowed) {
                    replay.abandon();
                    return fail(good, Reason::Impossible(why));
                }
            }
            Err(damage) => {
                replay.abandon();
                let reason = match damage {
                    Damage::CutOff => Reason::CutOff,
                    Damage::Format(what) => Reason::Format(begin, what),
                    Damage::Io(error) => Reason::Io(error),
                };
                return fail(good, reason);
            }
        }
        if !replay.is_in_transaction() {
            good = reader.offset();
        }
        if replay.is_cancelled() {
            return fail(good, Reason::Cancelled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::propagate::encode;

    /// Keeps what was run; knows MULTI, EXEC and words without x.
    #[derive(Default)]
    struct Notes {
        queued: Option<Vec<String>>,
        run: Vec<String>,
    }

    impl Replay for Notes {
        fn run(&mut self, args: &[&[u8]]) -> Result<(), String> {
            let name = String::from_utf8_lossy(args[0]).into_owned();
            match (name.as_str(), &mut self.queued) {
                ("multi", _) => self.queued = Some(Vec::new()),
                ("exec", _) => self.run.extend(self.queued.take().unwrap_or_default()),
                (_, Some(queued)) => queued.push(name),
                _ => self.run.push(name),
            }
            match self.run.last() {
                Some(name) if name.contains('x') => Err(name.clone()),
                _ => Ok(()),
            }
        }

        fn is_in_transaction(&self) -> bool {
            self.queued.is_some()
        }

        fn abandon(&mut self) {
            self.queued = None;
        }
    }

    fn log(names: &[&str]) -> Vec<u8> {
        let mut log = Vec::new();
        names.iter().for_each(|name| encode(&mut log, &[name.as_bytes()]));
        log
    }

    #[test]
    fn a_transaction_runs_whole_or_not_at_all_wherever_the_log_is_cut() {
        let names = ["a", "multi", "b", "c", "exec", "d"];
        let whole = log(&names);
        for cut in 0..=whole.len() {
            let mut notes = Notes::default();
            let loaded = load_commands(&whole[..cut], 0, &mut notes);
            let complete = (0..=names.len()).filter(|&count| log(&names[..count]).len() <= cut).count() - 1;
            let expected: &[&str] =
                [&[][..], &["a"], &["a"], &["a"], &["a"], &["a", "b", "c"], &["a", "b", "c", "d"]][complete];
            assert_eq!(notes.run, expected, "cut at {cut}");
            let good = [0, 1, 1, 1, 1, 5, 6][complete];
            match loaded {
                Ok(end) => assert_eq!(end, cut as u64),
                Err(failure) => assert_eq!(failure.good, log(&names[..good]).len() as u64, "cut at {cut}"),
            }
        }
    }

    #[test]
    fn what_nobody_knows_ends_it() {
        let failure = load_commands(&log(&["a", "xyz", "b"])[..], 0, &mut Notes::default()).unwrap_err();
        assert!(matches!(failure.reason, Reason::Impossible(name) if name == "xyz"));
        let damaged = [log(&["a"]), b"!!!\r\n".to_vec()].concat();
        let failure = load_commands(&damaged[..], 0, &mut Notes::default()).unwrap_err();
        assert!(matches!(failure.reason, Reason::Format(11, _)), "{failure:?}");
    }
}
