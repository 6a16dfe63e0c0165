//! `--latency-dist`: the times of PING as a line of coloured cells, one line for each interval.

use std::fmt::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::latency::PAUSE;
use crate::output;
use crate::session::{Failed, Session};

/// The legend stands above every so many lines.
const LINES_PER_LEGEND: usize = 20;

/// Colours of a terminal with 256, from none of the samples to all of them.
const COLORS: &[u8] =
    &[0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196];
const GREYS: &[u8] = &[0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 249, 251, 253];

/// The longest time of each cell in microseconds, and what stands in it. Longer ones are in the cell `?`.
const CELLS: [(u128, char); 30] = [
    (10, '.'),
    (125, '-'),
    (250, '*'),
    (500, '#'),
    (1_000, '1'),
    (2_000, '2'),
    (3_000, '3'),
    (4_000, '4'),
    (5_000, '5'),
    (6_000, '6'),
    (7_000, '7'),
    (8_000, '8'),
    (9_000, '9'),
    (10_000, 'A'),
    (20_000, 'B'),
    (30_000, 'C'),
    (40_000, 'D'),
    (50_000, 'E'),
    (100_000, 'F'),
    (200_000, 'G'),
    (300_000, 'H'),
    (400_000, 'I'),
    (500_000, 'J'),
    (1_000_000, 'K'),
    (2_000_000, 'L'),
    (4_000_000, 'M'),
    (8_000_000, 'N'),
    (16_000_000, 'O'),
    (30_000_000, 'P'),
    (60_000_000, 'Q'),
];

const SEPARATOR: &str = "---------------------------------------------\n";
const MEANINGS: &str = "\
. - * #          .01 .125 .25 .5 milliseconds
1,2,3,...,9      from 1 to 9     milliseconds
A,B,C,D,E        10,20,30,40,50  milliseconds
F,G,H,I,J        .1,.2,.3,.4,.5       seconds
K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds
";

/// Measures until the program is ended.
///
/// # Errors
/// The server can't be talked to.
pub fn run(session: &mut Session, colors: bool) -> Result<(), Failed> {
    let palette = if colors { COLORS } else { GREYS };
    let interval = match session.options.interval {
        Duration::ZERO => Duration::from_secs(1),
        told => told,
    };
    let (mut counts, mut began, mut lines) = ([0u64; CELLS.len() + 1], Instant::now(), 0);
    loop {
        let start = Instant::now();
        session.call_for_ever(&["PING"])?;
        let took = start.elapsed().as_micros();
        counts[CELLS.iter().position(|(most, _)| took <= *most).unwrap_or(CELLS.len())] += 1;
        if began.elapsed() > interval {
            if lines % LINES_PER_LEGEND == 0 {
                output::print(format_args!("{}", legend(palette)));
            }
            output::print(format_args!("{}", line(&counts, palette)));
            lines += 1;
            (counts, began) = ([0; CELLS.len() + 1], Instant::now());
        }
        sleep(PAUSE);
    }
}

fn legend(palette: &[u8]) -> String {
    let shades: String = palette.iter().map(|color| format!("\x1b[48;5;{color}m ")).collect();
    format!("{SEPARATOR}{MEANINGS}From 0 to 100%: {shades}\x1b[0m\n{SEPARATOR}")
}

/// The share that a cell has of all samples chooses its colour.
fn line(counts: &[u64; CELLS.len() + 1], palette: &[u8]) -> String {
    let all: u64 = counts.iter().sum();
    let marks = CELLS.iter().map(|(_, mark)| *mark).chain(['?']);
    let mut line = String::from("\x1b[38;5;0m");
    for (count, mark) in counts.iter().zip(marks) {
        let shade = (*count as f64 / all as f64 * (palette.len() - 1) as f64).ceil();
        let color = palette[(shade as usize).min(palette.len() - 1)];
        // Writing to memory doesn't fail.
        let _infallible = write!(line, "\x1b[48;5;{color}m{mark}");
    }
    line + "\x1b[0m\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_choose_the_colors() {
        let mut counts = [0; CELLS.len() + 1];
        (counts[0], counts[1], counts[CELLS.len()]) = (50, 1, 49);
        let line = line(&counts, COLORS);
        assert!(line.starts_with("\x1b[38;5;0m\x1b[48;5;247m.\x1b[48;5;233m-\x1b[48;5;0m*"), "{line:?}");
        assert!(line.ends_with("\x1b[48;5;0mQ\x1b[48;5;247m?\x1b[0m\n"), "{line:?}");
    }
}
