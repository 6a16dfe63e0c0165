//! `--lru-test`: the server as a cache, with what is asked for following a power law.

use std::time::{Duration, Instant};

use crate::output;
use crate::session::{Failed, Session};
use crate::wire::Reply;

/// One line of figures for each.
const CYCLE: Duration = Duration::from_secs(1);
const PIPELINE: usize = 250;
/// With this exponent about a fifth of the keys gets four fifths of the requests.
const EXPONENT: f64 = 6.2;

/// Writes and reads until the program is ended.
///
/// # Errors
/// The connection is lost.
pub fn run(session: &mut Session, keys: i64) -> Result<(), Failed> {
    let lost = |_| Failed("I/O error during LRU test".into());
    loop {
        let (began, mut hits, mut misses) = (Instant::now(), 0u64, 0u64);
        while began.elapsed() < CYCLE {
            let connection = session.connection().map_err(lost)?;
            for _ in 0..PIPELINE {
                connection.queue(&["SET", &key(keys), &value()]);
            }
            connection.flush().map_err(lost)?;
            for _ in 0..PIPELINE {
                connection.receive_in_band().map_err(lost)?;
            }
            for _ in 0..PIPELINE {
                connection.queue(&["GET", &key(keys)]);
            }
            connection.flush().map_err(lost)?;
            for _ in 0..PIPELINE {
                match connection.receive_in_band().map_err(lost)? {
                    Reply::Nil => misses += 1,
                    reply => match reply.error() {
                        Some(error) => eprintln!("{error}"),
                        None => hits += 1,
                    },
                }
            }
        }
        let all = hits + misses;
        let percent = |part: u64| part as f64 / all as f64 * 100.0;
        output::print(format_args!(
            "{all} Gets/sec | Hits: {hits} ({:.2}%) | Misses: {misses} ({:.2}%)\n",
            percent(hits),
            percent(misses)
        ));
    }
}

fn key(keys: i64) -> String {
    format!("lru:{}", power_law(keys, fastrand::f64()))
}

fn value() -> String {
    (0..5).map(|_| fastrand::char('A'..'z')).collect()
}

/// A number from 1 to `most`, small ones far more often; `random` is below 1.
fn power_law(most: i64, random: f64) -> i64 {
    let end = (most + 1) as f64;
    let power = EXPONENT + 1.0;
    let drawn = ((end.powf(power) - 1.0) * random + 1.0).powf(1.0 / power);
    most - drawn as i64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_keys_gets_most_requests() {
        let drawn: Vec<i64> = (0..10_000).map(|i| power_law(1000, f64::from(i) / 10_000.0)).collect();
        assert!(drawn.iter().all(|key| (1..=1000).contains(key)));
        let often = drawn.iter().filter(|key| **key <= 200).count();
        assert!((7_500..8_500).contains(&often), "{often}");
    }
}
