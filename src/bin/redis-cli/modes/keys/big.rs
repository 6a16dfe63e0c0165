//! `--bigkeys` and `--memkeys`: the biggest key of each type, and averages.

use super::progress::{self, Progress};
use super::sizes::{self, Measure};
use super::tally::{Tallies, Tally};
use crate::modes::scan::Walk;
use crate::output;
use crate::session::{Failed, Session};
use crate::text::quoted;

pub const INTRODUCTION: &str = "average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n\
                                # per 100 SCAN commands (not usually needed).\n\n";
/// Where nobody watches, every so many keys are worth a line.
pub const KEYS_PER_LINE: u64 = 1_000_000;

/// Looks at all keys.
///
/// # Errors
/// The server refuses, or the connection is lost.
pub fn find_big(session: &mut Session, measure: Measure) -> Result<(), Failed> {
    let all = sizes::database_size(session)?;
    output::print(format_args!(
        "\n# Scanning the entire keyspace to find biggest keys as well as\n# {INTRODUCTION}"
    ));
    sizes::read_from_replicas(session)?;
    let mut search = Search {
        measure,
        all,
        seen: 0,
        percent: progress::percent(0, all),
        length: 0,
        tallies: Tallies::new(),
        progress: Progress::new(),
    };
    let mut walk = Walk::from(0);
    while let Some(keys) = walk.next_page(session)? {
        search.percent = progress::percent(search.seen, all);
        search.add(session, &keys)?;
        walk.rest(session);
    }
    search.summarize(walk.stop.is_set());
    Ok(())
}

struct Search {
    measure: Measure,
    all: u64,
    seen: u64,
    /// At the beginning of a page.
    percent: f64,
    /// Of all keys together, in bytes.
    length: u64,
    tallies: Tallies,
    progress: Progress,
}

impl Search {
    fn unit(&self, tally: &Tally) -> &'static str {
        if self.measure == Measure::Elements { tally.unit_name() } else { "bytes" }
    }

    fn add(&mut self, session: &mut Session, keys: &[Vec<u8>]) -> Result<(), Failed> {
        let places = sizes::types(session, &mut self.tallies, keys)?;
        let sizes = sizes::sizes(session, &self.tallies, keys, &places, self.measure)?;
        for ((key, place), size) in keys.iter().zip(places).zip(sizes) {
            let Some(place) = place else { continue };
            self.length += key.len() as u64;
            self.seen += 1;
            let is_biggest = self.tallies.at_mut(place).add(key, size);
            if !output::is_terminal() {
                self.tell(place, is_biggest);
            } else if self.progress.is_due() {
                self.draw();
            }
        }
        Ok(())
    }

    /// A line for what is worth one, where nobody watches.
    fn tell(&self, place: usize, is_biggest: bool) {
        let (percent, tally) = (self.percent, self.tallies.at(place));
        if let Some(key) = tally.biggest_key.as_ref().filter(|_| is_biggest) {
            output::print(format_args!(
                "[{percent:05.2}%] Biggest {:<6} found so far {} with {} {}\n",
                tally.name,
                quoted(key),
                tally.biggest,
                self.unit(tally)
            ));
        }
        if self.seen.is_multiple_of(KEYS_PER_LINE) {
            output::print(format_args!("[{percent:05.2}%] Sampled {} keys so far\n", self.seen));
        }
    }

    fn draw(&self) {
        let mut lines = progress::bar(self.seen, self.all);
        lines.push(String::new());
        for tally in self.tallies.iter() {
            if let Some(key) = &tally.biggest_key {
                lines.push(format!(
                    "Biggest {:<9} found so far {} with {} {}",
                    tally.name,
                    quoted(key),
                    tally.biggest,
                    self.unit(tally)
                ));
            }
        }
        progress::draw_and_return(&lines);
    }

    fn summarize(&self, stopped: bool) {
        let below = self.tallies.iter().count();
        progress::begin_summary(self.seen, self.all, below, stopped.then_some(self.percent));
        let average = if self.length == 0 { 0.0 } else { self.length as f64 / self.seen as f64 };
        output::print(format_args!(
            "Total key length in bytes is {} (avg len {average:.2})\n\n",
            self.length
        ));
        for tally in self.tallies.iter() {
            if let Some(key) = &tally.biggest_key {
                output::print(format_args!(
                    "Biggest {:>6} found {} has {} {}\n",
                    tally.name,
                    quoted(key),
                    tally.biggest,
                    self.unit(tally)
                ));
            }
        }
        output::print(format_args!("\n"));
        for tally in self.tallies.iter() {
            let share = if self.seen == 0 { 0.0 } else { progress::percent(tally.keys, self.seen) };
            output::print(format_args!(
                "{} {}s with {} {} ({share:05.2}% of keys, avg size {:.2})\n",
                tally.keys,
                tally.name,
                tally.total,
                self.unit(tally),
                tally.average()
            ));
        }
    }
}
