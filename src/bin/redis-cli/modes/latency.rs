//! `--latency` and `--latency-history`: how long PING takes, in milliseconds.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::format::Format;
use crate::output;
use crate::session::{Failed, Session};

/// Between two PINGs.
pub const PAUSE: Duration = Duration::from_millis(10);
/// How long a stretch of the history is if nothing else is said.
const STRETCH: Duration = Duration::from_secs(15);
/// How long is measured where nobody watches, if nothing else is said.
const ONCE: Duration = Duration::from_secs(1);

/// What has been measured since the start of a stretch.
#[derive(Default)]
struct Samples {
    least: u128,
    most: u128,
    sum: u128,
    count: u128,
}

impl Samples {
    fn add(&mut self, sample: u128) {
        self.least = if self.count == 0 { sample } else { self.least.min(sample) };
        self.most = self.most.max(sample);
        self.sum += sample;
        self.count += 1;
    }

    fn show(&self, format: Format) {
        let Samples { least, most, count, sum } = self;
        let average = *sum as f64 / *count as f64;
        match format {
            Format::Standard => output::print(format_args!(
                "\x1b[0G\x1b[2Kmin: {least}, max: {most}, avg: {average:.2} ({count} samples)"
            )),
            Format::Csv => output::print(format_args!("{least},{most},{average:.2},{count}\n")),
            Format::Raw => output::print(format_args!("{least} {most} {average:.2} {count}\n")),
            Format::Json => output::print(format_args!(
                "{{\"min\": {least}, \"max\": {most}, \"avg\": {average:.2}, \"count\": {count}}}\n"
            )),
            Format::QuotedJson => {}
        }
    }
}

/// Measures until the program is ended; without a person to watch, only for a while.
///
/// # Errors
/// The server can't be talked to.
pub fn run(session: &mut Session, history: bool) -> Result<(), Failed> {
    let format = session.options.formatter.format;
    let told = Some(session.options.interval).filter(|interval| !interval.is_zero());
    let began = Instant::now();
    let (mut samples, mut stretch_began) = (Samples::default(), began);
    loop {
        // Whole milliseconds on both sides: so times below one are counted in the right proportion.
        let start = began.elapsed().as_millis();
        session.call_for_ever(&["PING"])?;
        samples.add(began.elapsed().as_millis() - start);
        let watched = format == Format::Standard;
        let over = !watched && !history && stretch_began.elapsed() > told.unwrap_or(ONCE);
        if watched || history || over {
            samples.show(format);
        }
        if over {
            return Ok(());
        }
        if history && stretch_began.elapsed() > told.unwrap_or(STRETCH) {
            let seconds = stretch_began.elapsed().as_secs_f64();
            output::print(format_args!(" -- {seconds:.2} seconds range\n"));
            (samples, stretch_began) = (Samples::default(), Instant::now());
        }
        sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_and_sum() {
        let mut samples = Samples::default();
        for sample in [3, 1, 5] {
            samples.add(sample);
        }
        assert_eq!((samples.least, samples.most, samples.sum, samples.count), (1, 5, 9, 3));
    }
}
