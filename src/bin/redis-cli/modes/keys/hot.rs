//! `--hotkeys`: the keys that are used most often.

use super::big::{INTRODUCTION, KEYS_PER_LINE};
use super::progress::{self, Progress};
use super::sizes;
use crate::modes::scan::Walk;
use crate::output;
use crate::session::{Failed, Session};
use crate::text::quoted;

/// How many are kept.
const KEPT: usize = 16;

/// The hottest keys so far, the least hot first.
#[derive(Default)]
struct Hottest(Vec<(u64, Vec<u8>)>);

impl Hottest {
    /// Takes a key in if it is hot enough. One that is as hot as another comes before it.
    fn offer(&mut self, key: &[u8], frequency: u64) -> bool {
        let colder = self.0.partition_point(|(kept, _)| *kept < frequency);
        if frequency == 0 || self.0.len() == KEPT && colder == 0 {
            return false;
        }
        self.0.insert(colder, (frequency, key.to_vec()));
        if self.0.len() > KEPT {
            self.0.remove(0);
        }
        true
    }

    /// A line for each, the hottest first.
    fn lines(&self) -> Vec<String> {
        let line = |(frequency, key): &(u64, Vec<u8>)| {
            format!("hot key found with counter: {frequency}\tkeyname: {}", quoted(key))
        };
        self.0.iter().rev().map(line).collect()
    }
}

/// Looks at all keys.
///
/// # Errors
/// The server refuses, which it does if its eviction policy doesn't count uses; or the connection is lost.
pub fn find_hot(session: &mut Session) -> Result<(), Failed> {
    let all = sizes::database_size(session)?;
    output::print(format_args!(
        "\n# Scanning the entire keyspace to find hot keys as well as\n# {INTRODUCTION}"
    ));
    sizes::read_from_replicas(session)?;
    let (mut seen, mut percent) = (0u64, progress::percent(0, all));
    let (mut hottest, mut progress) = (Hottest::default(), Progress::new());
    let mut walk = Walk::from(0);
    while let Some(keys) = walk.next_page(session)? {
        percent = progress::percent(seen, all);
        for (key, frequency) in keys.iter().zip(sizes::frequencies(session, &keys)?) {
            seen += 1;
            let is_hot = hottest.offer(key, frequency);
            if output::is_terminal() {
                continue;
            }
            if seen.is_multiple_of(KEYS_PER_LINE) {
                output::print(format_args!("[{percent:05.2}%] Sampled {seen} keys so far\n"));
            }
            if is_hot {
                let key = quoted(key);
                output::print(format_args!(
                    "[{percent:05.2}%] Hot key {key} found so far with counter {frequency}\n"
                ));
            }
        }
        if progress.is_due() {
            let mut lines = progress::bar(seen, all);
            lines.push(String::new());
            lines.extend(hottest.lines());
            progress::draw_and_return(&lines);
        }
        walk.rest(session);
    }
    progress::begin_summary(seen, all, KEPT + 1, walk.stop.is_set().then_some(percent));
    for line in hottest.lines() {
        output::print(format_args!("{line}\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixteen_hottest_are_kept() {
        let mut hottest = Hottest::default();
        assert!(!hottest.offer(b"never", 0));
        for frequency in 1..=20 {
            assert!(hottest.offer(format!("k{frequency}").as_bytes(), frequency));
        }
        assert!(!hottest.offer(b"cold", 4));
        assert!(!hottest.offer(b"as cold", 5), "the coldest one kept stays");
        assert!(hottest.offer(b"warm", 6));
        let lines = hottest.lines();
        assert_eq!(lines.len(), 16);
        assert_eq!(lines[0], "hot key found with counter: 20\tkeyname: \"k20\"");
        assert_eq!(
            lines[14..],
            [
                "hot key found with counter: 6\tkeyname: \"k6\"",
                "hot key found with counter: 6\tkeyname: \"warm\""
            ]
        );
    }
}
