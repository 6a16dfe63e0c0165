//! `--intrinsic-latency`: how long the system keeps a process waiting that never waits itself.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::interrupt::Stop;
use crate::output;

/// Measures for some seconds, or until Ctrl-C.
pub fn run(seconds: i64) {
    let time = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let stop = Stop::at_interrupt();
    let (began, mut longest, mut runs) = (Instant::now(), 0, 0u64);
    loop {
        let start = Instant::now();
        black_box(some_work(black_box(1000)));
        let end = Instant::now();
        let took = (end - start).as_micros();
        runs += 1;
        if took > longest {
            longest = took;
            output::print(format_args!("Max latency so far: {longest} microseconds.\n"));
        }
        if end - began > time || stop.is_set() {
            break;
        }
    }
    let average = time.as_micros() as f64 / runs as f64;
    output::print(format_args!(
        "\n{runs} total runs (avg latency: {average:.4} microseconds / {:.2} nanoseconds per run).\n\
         Worst run took {:.0}x longer than the average latency.\n",
        average * 1e3,
        longest as f64 / average
    ));
}

/// Some microseconds of work on a few cache lines: steps of the RC4 cipher.
fn some_work(steps: usize) -> u64 {
    let mut state: [u8; 256] = std::array::from_fn(|at| at as u8);
    let (mut i, mut j, mut sum) = (0u8, 0u8, 0u64);
    for _ in 0..steps {
        i = i.wrapping_add(1);
        j = j.wrapping_add(state[usize::from(i)]);
        state.swap(usize::from(i), usize::from(j));
        let at = state[usize::from(i)].wrapping_add(state[usize::from(j)]);
        sum += u64::from(state[usize::from(at)]);
    }
    sum
}
