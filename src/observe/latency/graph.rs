//! LATENCY GRAPH: the samples of an event as characters.
//!
//! Each sample is a column of four rows; within a row `_`, `o` and `#` are a third, two thirds and all of its
//! height, and what a column rises above a row fills it with `|`. Under it stands, read downwards, how long ago.

use std::fmt::Write;

use super::{Sample, Series};

const COLUMNS: usize = 80;
const ROWS: usize = 4;
const STEPS: [u8; 3] = *b"_o#";
const FULL: u8 = b'|';
/// Rows left free between columns and labels.
const GAP: usize = 1;

/// The graph of an event; `now` is in Unix seconds.
pub fn graph(event: &str, series: &Series, now: i64) -> String {
    let latencies = || series.samples.iter().map(|sample| sample.latency);
    let (low, high) = (latencies().min().unwrap_or(0), latencies().max().unwrap_or(0));
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(text, "{event} - high {high} ms, low {low} ms (all time high {} ms)", series.worst);
    let _ = writeln!(text, "{}", "-".repeat(COLUMNS));
    let samples: Vec<Sample> = series.samples.iter().copied().collect();
    for (index, part) in samples.chunks(COLUMNS).enumerate() {
        if index > 0 {
            text.push('\n');
        }
        draw(&mut text, part, low, high, now);
    }
    text
}

fn draw(text: &mut String, samples: &[Sample], low: u64, high: u64, now: i64) {
    let steps = (STEPS.len() * ROWS) as u64;
    let span = (high - low).max(1);
    let heights: Vec<usize> = samples
        .iter()
        .map(|sample| ((sample.latency - low).saturating_mul(steps) / span).min(steps - 1) as usize)
        .collect();
    for row in (0..ROWS).rev() {
        line(
            text,
            heights.iter().map(|height| match height.checked_sub(row * STEPS.len()) {
                None => b' ',
                Some(step) => STEPS.get(step).copied().unwrap_or(FULL),
            }),
        );
    }
    (0..GAP).for_each(|_| line(text, samples.iter().map(|_| b' ')));
    let labels: Vec<String> = samples.iter().map(|sample| ago(now - sample.time)).collect();
    let longest = labels.iter().map(String::len).max().unwrap_or(0);
    for row in 0..longest {
        line(text, labels.iter().map(|label| label.as_bytes().get(row).copied().unwrap_or(b' ')));
    }
}

fn line(text: &mut String, characters: impl Iterator<Item = u8>) {
    text.extend(characters.map(char::from));
    text.push('\n');
}

/// Seconds in the largest unit that fits.
fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_rise_with_the_latency() {
        let samples = [(0, 100), (3480, 400), (3600 - 61, 300), (3599, 1000)];
        let samples = samples.map(|(time, latency)| Sample { time, latency }).into();
        let drawn = graph("command", &Series { samples, worst: 2000 }, 3600);
        let expected = "command - high 1000 ms, low 100 ms (all time high 2000 ms)\n\
                        --------------------------------------------------------------------------------\n\
                        \u{20}  #\n   |\n o |\n_|#|\n    \n1211\nhmms\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn equal_samples_and_many_are_drawn() {
        let samples = (0..81).map(|time| Sample { time, latency: 7 }).collect();
        let drawn = graph("fork", &Series { samples, worst: 7 }, 90);
        let widths: Vec<usize> = drawn.lines().skip(2).map(str::len).collect();
        assert_eq!(widths, [80, 80, 80, 80, 80, 80, 80, 80, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    }
}
