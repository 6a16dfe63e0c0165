//! `--keystats`: sizes in memory and in elements at once, the largest keys, and how sizes are distributed.

use hdrhistogram::Histogram;

use super::progress::{self, Progress};
use super::sizes::{self, Measure};
use super::tally::{Tallies, Tally};
use crate::modes::scan::Walk;
use crate::output;
use crate::session::{Failed, Session};
use crate::text::{human_bytes, lossy, quoted};

const INTRODUCTION: &str = "
# Scanning the entire keyspace to find the biggest keys and distribution information.
# Use -i 0.1 to sleep 0.1 sec per 100 SCAN commands (not usually needed).
# Use --cursor <n> to start the scan at the cursor <n> (usually after a Ctrl-C).
# Use --top <n> to display <n> top key sizes (default is 10).
# Ctrl-C to stop the scan.

";

/// Up to these lengths of names keys are counted together, in bytes; there is one more class above.
const LENGTHS: [u64; 7] = [1 << 5, 1 << 8, 1 << 16, 1 << 20, 16 << 20, 128 << 20, 512 << 20];
/// The largest size that is told apart, in bytes.
const LARGEST: u64 = 1 << 40;
/// Significant decimal digits of sizes in the distribution.
const DIGITS: u8 = 4;

/// Looks at all keys from `cursor` on and shows the `top` largest ones, all of them where that is 0.
///
/// # Errors
/// The server refuses, or the connection is lost.
pub fn stats(session: &mut Session, samples: Option<i64>, cursor: u64, top: u64) -> Result<(), Failed> {
    let histogram = Histogram::new_with_bounds(1, LARGEST, DIGITS);
    let mut stats = Stats {
        all: sizes::database_size(session)?,
        seen: 0,
        size: 0,
        top,
        largest: Vec::new(),
        memory: Tallies::new(),
        elements: Tallies::new(),
        sizes: histogram.map_err(|error| Failed(format!("Keystats hdr init error: {error}")))?,
        lengths: Lengths::default(),
    };
    output::print(format_args!("{INTRODUCTION}"));
    sizes::read_from_replicas(session)?;
    let (mut walk, mut progress) = (Walk::from(cursor), Progress::new());
    while let Some(keys) = walk.next_page(session)? {
        stats.add(session, &keys, samples)?;
        if progress.is_due() {
            progress::draw_and_return(&stats.overview());
        }
        walk.rest(session);
    }
    for lines in [stats.overview(), stats.size_lines(), stats.lengths.lines(), stats.type_lines()] {
        progress::draw(&lines);
        // A blank line between the tables, none behind the last.
        if !lines.iter().any(|line| line.starts_with("Type ")) {
            output::print_over("");
        }
    }
    if walk.cursor != 0 {
        output::print(format_args!(
            "\nScan interrupted:\nUse 'redis-cli --keystats --cursor {}' to restart from the last cursor.\n",
            walk.cursor
        ));
    }
    Ok(())
}

struct Stats {
    all: u64,
    seen: u64,
    /// Of all values together, in bytes.
    size: u64,
    top: u64,
    /// The largest values, largest first, with type and key.
    largest: Vec<(u64, String, Vec<u8>)>,
    memory: Tallies,
    elements: Tallies,
    sizes: Histogram<u64>,
    lengths: Lengths,
}

impl Stats {
    fn add(&mut self, session: &mut Session, keys: &[Vec<u8>], samples: Option<i64>) -> Result<(), Failed> {
        let by_memory = sizes::types(session, &mut self.memory, keys)?;
        let measure = Measure::Memory { samples };
        let memory = sizes::sizes(session, &self.memory, keys, &by_memory, measure)?;
        let by_elements = sizes::types(session, &mut self.elements, keys)?;
        let elements = sizes::sizes(session, &self.elements, keys, &by_elements, Measure::Elements)?;
        for (at, key) in keys.iter().enumerate() {
            let (Some(in_memory), Some(in_elements)) = (by_memory[at], by_elements[at]) else { continue };
            let size = memory[at];
            self.size += size;
            self.seen += 1;
            self.offer(key, size, in_memory);
            self.memory.at_mut(in_memory).add(key, size);
            self.elements.at_mut(in_elements).add(key, elements[at]);
            if self.sizes.record(size).is_err() {
                eprintln!("Value {size} not added in the hdr histogram.");
            }
            self.lengths.add(key.len() as u64);
        }
        Ok(())
    }

    /// Puts a key among the largest if it belongs there.
    fn offer(&mut self, key: &[u8], size: u64, place: usize) {
        let larger = self.largest.partition_point(|(kept, ..)| *kept >= size);
        let most = if self.top == 0 { usize::MAX } else { usize::try_from(self.top).unwrap_or(usize::MAX) };
        if larger < most {
            self.largest.insert(larger, (size, self.memory.at(place).name.clone(), key.to_vec()));
            self.largest.truncate(most);
        }
    }

    fn overview(&self) -> Vec<String> {
        let mut lines = progress::bar(self.seen, self.all);
        lines.push(format!("Keys size:    {}", human(self.size)));
        lines.extend([String::new(), format!("--- Top {} key sizes ---", self.top)]);
        for (at, (size, kind, key)) in self.largest.iter().enumerate() {
            // Types of modules are cut to nine letters.
            lines.push(format!("{:3} {:>8} {kind:<10.9} {}", at + 1, human(*size), quoted(key)));
        }
        lines.extend([String::new(), "--- Top size per type ---".into()]);
        lines.extend(self.memory.iter().filter_map(|tally| {
            let key = lossy(tally.biggest_key.as_ref()?);
            Some(format!("{:<10} {key} is {}", tally.name, human(tally.biggest)))
        }));
        lines.extend([String::new(), "--- Top length and cardinality per type ---".into()]);
        lines.extend(self.elements.iter().filter_map(|tally| {
            let key = lossy(tally.biggest_key.as_ref()?);
            Some(format!("{:<10} {key} has {}", tally.name, in_elements(tally, tally.biggest)))
        }));
        lines
    }

    /// How many keys are no larger than what.
    fn size_lines(&self) -> Vec<String> {
        let mut lines =
            vec!["Key size Percentile Total keys".into(), "-------- ---------- -----------".into()];
        let (mut counted, mut told) = (0, 0);
        for step in self.sizes.iter_quantiles(1) {
            counted += step.count_since_last_iteration();
            if counted == told {
                continue;
            }
            let is_last = counted == self.sizes.len();
            let percentile = if is_last { 100.0 } else { step.quantile_iterated_to() * 100.0 };
            let size = self.sizes.highest_equivalent(step.value_iterated_to());
            lines.push(format!("{:>8} {percentile:9.4}% {counted:11}", human(size)));
            told = counted;
        }
        let (mean, deviation) = (self.sizes.mean() as u64, self.sizes.stdev() as u64);
        lines.push(format!(
            "Note: 0.01% size precision, Mean: {}, StdDeviation: {}",
            human(mean),
            human(deviation)
        ));
        lines
    }

    fn type_lines(&self) -> Vec<String> {
        let mut lines = vec![
            "Type        Total keys  Keys % Tot size Avg size  Total length/card Avg ln/card".into(),
            "--------- ------------ ------- -------- -------- ------------------ -----------".into(),
        ];
        for (memory, elements) in self.memory.iter().zip(self.elements.iter()) {
            if memory.keys == 0 {
                continue;
            }
            let (total, average) = match elements.unit {
                None => (" - ".into(), " - ".into()),
                Some(unit) if unit.name == "bytes" => {
                    (human(elements.total), human(elements.average().round() as u64))
                }
                Some(_) => (in_elements(elements, elements.total), format!("{:.2}", elements.average())),
            };
            lines.push(format!(
                "{:<10} {:11} {:6.2}% {:>8} {:>8} {total:>18} {average:>11}",
                memory.name,
                memory.keys,
                progress::percent(memory.keys, self.seen),
                human(memory.total),
                human(memory.total / memory.keys)
            ));
        }
        lines
    }
}

fn human(bytes: u64) -> String {
    human_bytes(i64::try_from(bytes).unwrap_or(i64::MAX))
}

fn in_elements(tally: &Tally, count: u64) -> String {
    match tally.unit_name() {
        "bytes" => human(count),
        unit => format!("{count} {unit}"),
    }
}

/// How long the names of keys are.
#[derive(Default)]
struct Lengths {
    classes: [u64; LENGTHS.len() + 1],
    keys: u64,
    total: u64,
    longest: u64,
}

impl Lengths {
    fn add(&mut self, length: u64) {
        self.keys += 1;
        self.total += length;
        self.longest = self.longest.max(length);
        self.classes[LENGTHS.partition_point(|most| *most < length)] += 1;
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            "Key name length Percentile Total keys".into(),
            "--------------- ---------- -----------".into(),
        ];
        let mut counted = 0;
        for (most, count) in LENGTHS.iter().zip(self.classes).filter(|(_, count)| *count > 0) {
            counted += count;
            lines.push(format!(
                "{:>15} {:9.4}% {counted:11}",
                human(self.longest.min(*most)),
                progress::percent(counted, self.keys)
            ));
        }
        if counted < self.keys {
            lines.push(format!("           inf {:9.4}% {:11}", 100.0, self.keys));
        }
        let average = self.total.checked_div(self.keys).map_or_else(|| "0".into(), human);
        lines.push(format!("Total key length is {} ({average} avg)", human(self.total)));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_classes() {
        let mut lengths = Lengths::default();
        for length in [1, 32, 33, 600 << 20] {
            lengths.add(length);
        }
        assert_eq!(
            lengths.lines()[2..],
            [
                "            32B   50.0000%           2",
                "           256B   75.0000%           3",
                "           inf  100.0000%           4",
                "Total key length is 600.00M (150.00M avg)",
            ]
        );
    }
}
