//! A bar that shows how much of the keyspace has been seen.
//!
//! On a terminal it is drawn again and again at the same place, with whatever stands below it; the cursor goes back
//! to its first line after each time. Elsewhere it is one line.

use std::time::{Duration, Instant};

use crate::output;

/// Drawn at most so often.
const REFRESH: Duration = Duration::from_millis(300);
/// In columns.
const WIDTH: usize = 60;

/// When it was drawn last.
pub struct Progress {
    drawn: Instant,
}

impl Progress {
    pub fn new() -> Progress {
        Progress { drawn: Instant::now() }
    }

    /// Whether it is time to draw again; only on a terminal.
    pub fn is_due(&mut self) -> bool {
        let due = output::is_terminal() && self.drawn.elapsed() > REFRESH;
        if due {
            self.drawn = Instant::now();
        }
        due
    }
}

/// The bar and the number of keys, in two lines.
pub fn bar(seen: u64, all: u64) -> Vec<String> {
    let share = if all == 0 { 0.0 } else { (seen as f64 / all as f64).min(1.0) };
    let bar = if output::is_terminal() {
        let done = (WIDTH as f64 * share).round() as usize;
        let (done, left) = ("|".repeat(done), "-".repeat(WIDTH - done));
        format!("\x1b[32m{done}\x1b[31m{left}\x1b[39m")
    } else {
        "keys scanned".into()
    };
    vec![format!("{:6.2}% {bar}", share * 100.0), format!("Keys sampled: {seen}")]
}

/// Draws lines over what stands at the cursor, and goes back to the first of them.
pub fn draw_and_return(lines: &[String]) {
    let height = draw(lines);
    go_up(height);
}

/// Draws lines over what stands at the cursor. Returns how many.
pub fn draw(lines: &[String]) -> usize {
    lines.iter().map(|line| output::print_over(line)).sum()
}

/// Empties so many lines from the cursor on, and goes back.
pub fn clear(lines: usize) {
    draw_and_return(&vec![String::new(); lines]);
}

/// Begins the summary of a search, in place of the bar and of so many lines that stood below it. `stopped_at` is the
/// percentage at which Ctrl-C came.
pub fn begin_summary(seen: u64, all: u64, below: usize, stopped_at: Option<f64>) {
    if output::is_terminal() {
        draw(&bar(seen, all));
        clear(below);
    }
    output::print(format_args!("\n-------- summary -------\n\n"));
    if !output::is_terminal() {
        if let Some(percent) = stopped_at {
            output::print(format_args!("[{percent:05.2}%] "));
        }
        output::print(format_args!("Sampled {seen} keys in the keyspace!\n"));
    }
}

fn go_up(lines: usize) {
    output::print(format_args!("\x1b[{lines}A\r"));
}

/// How much has been seen, in percent; not a number where there is nothing.
pub fn percent(seen: u64, all: u64) -> f64 {
    100.0 * seen as f64 / all as f64
}
