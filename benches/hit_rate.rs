//! How often a cache at its memory limit has what is asked for: a trace against running servers.
//!
//! ```text
//! cargo bench --bench hit_rate -- PORT[,PORT...] [--limit-mb 24] [--keys 500000] [--requests 3000000] [--rate 50000]
//! ```
//!
//! Each server gets the same trace with `maxmemory` at the same limit, once per policy: GET, and after a miss SET, as
//! an application in front of a database does. Keys follow Zipf's law with exponent 0.99; values have 64 to 512 bytes,
//! always the same for a key. The polluted trace has in it, every so often, a scan of keys that nobody asks for
//! again. The first half of a trace warms up; what is told is the share of hits of the second, scans not counted.
//!
//! All servers get so many requests a second: access clocks count seconds, so a faster server would know less of the
//! order of accesses. They are flushed. Start them with `--save ""`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Exponent of Zipf's law.
const SKEW: f64 = 0.99;
/// GETs that are sent at once.
const DEPTH: usize = 50;
/// After this many requests comes a scan, in the polluted trace.
const SCAN_EVERY: usize = 20_000;
/// Keys that a scan asks for.
const SCAN_LENGTH: usize = 10_000;
/// Bytes of the shortest and the longest value.
const VALUE: (usize, usize) = (64, 512);
const POLICIES: [&str; 2] = ["allkeys-lru", "allkeys-lfu"];

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some(ports) = args.first() else {
        println!("usage: hit_rate PORT[,PORT...] [--limit-mb N] [--keys N] [--requests N] [--rate N]");
        return Ok(());
    };
    let option = |name: &str, default: usize| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (limit, keys) = (option("--limit-mb", 24), option("--keys", 500_000));
    let (requests, rate) = (option("--requests", 3_000_000), option("--rate", 50_000));
    let law = Zipf::new(keys);
    println!("{keys} keys, {requests} requests, {rate} a second, maxmemory {limit}mb");
    for policy in POLICIES {
        for polluted in [false, true] {
            for port in ports.split(',') {
                let mut cache = Cache::connect(port)?;
                cache.prepare(policy, limit)?;
                let begun = Instant::now();
                let hits = cache.replay(Trace::new(&law, polluted), requests, rate)?;
                let kept = cache.ask(&["DBSIZE"])?;
                let trace = if polluted { "zipf and scans" } else { "zipf" };
                println!(
                    "{policy:<12} {trace:<15} port {port}: {:.2} % hits, {} keys fit, {:.0} s",
                    100.0 * hits,
                    kept.trim_start_matches(':'),
                    begun.elapsed().as_secs_f64()
                );
            }
        }
    }
    Ok(())
}

/// Zipf's law by inversion: the cumulated probabilities, in which a random number is looked up.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(ranks: usize) -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=ranks).map(|rank| (rank as f64).powf(-SKEW));
        let mut cumulated: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        cumulated.iter_mut().for_each(|share| *share /= sum);
        Zipf(cumulated)
    }

    /// A rank from 0 on, the most frequent first.
    fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let at = random.f64();
        self.0.partition_point(|share| *share < at).min(self.0.len() - 1)
    }
}

/// What is asked for: the same for every server.
struct Trace<'z> {
    law: &'z Zipf,
    polluted: bool,
    random: fastrand::Rng,
    asked: usize,
    /// Keys of the current scan that are left.
    scanning: usize,
    /// The next key that nobody asks for again.
    fresh: usize,
}

/// One request of a trace.
struct Request {
    key: usize,
    scanned: bool,
}

impl<'z> Trace<'z> {
    fn new(law: &'z Zipf, polluted: bool) -> Self {
        let fresh = law.0.len();
        Trace { law, polluted, random: fastrand::Rng::with_seed(1), asked: 0, scanning: 0, fresh }
    }
}

impl Iterator for Trace<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        if self.scanning > 0 {
            self.scanning -= 1;
            self.fresh += 1;
            return Some(Request { key: self.fresh, scanned: true });
        }
        self.asked += 1;
        if self.polluted && self.asked.is_multiple_of(SCAN_EVERY) {
            self.scanning = SCAN_LENGTH;
        }
        Some(Request { key: self.law.draw(&mut self.random), scanned: false })
    }
}

/// A connection to a server.
struct Cache {
    input: BufReader<TcpStream>,
    output: TcpStream,
    line: String,
    value: Vec<u8>,
}

impl Cache {
    fn connect(port: &str) -> io::Result<Cache> {
        let output = TcpStream::connect(format!("127.0.0.1:{port}"))?;
        output.set_nodelay(true)?;
        let input = BufReader::with_capacity(1 << 16, output.try_clone()?);
        Ok(Cache { input, output, line: String::new(), value: Vec::new() })
    }

    fn prepare(&mut self, policy: &str, limit_mb: usize) -> io::Result<()> {
        self.ask(&["CONFIG", "SET", "maxmemory", "0"])?;
        self.ask(&["FLUSHALL"])?;
        std::thread::sleep(Duration::from_secs(1));
        self.ask(&["CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", &format!("{limit_mb}mb")])?;
        Ok(())
    }

    /// Runs so many requests of the trace and tells the share of hits in the second half, scans not counted.
    fn replay(&mut self, mut trace: Trace<'_>, requests: usize, rate: usize) -> io::Result<f64> {
        let (mut asked, mut hits) = (0, 0);
        let begun = Instant::now();
        for done in (0..requests).step_by(DEPTH) {
            let due = begun + Duration::from_secs_f64(done as f64 / rate as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let batch: Vec<Request> = trace.by_ref().take(DEPTH).collect();
            let found = self.get(&batch)?;
            let missed: Vec<usize> = batch
                .iter()
                .zip(&found)
                .filter(|(_, found)| !**found)
                .map(|(request, _)| request.key)
                .collect();
            self.set(&missed)?;
            if done >= requests / 2 {
                let counted = batch.iter().zip(&found).filter(|(request, _)| !request.scanned);
                for (_, found) in counted {
                    asked += 1;
                    hits += u32::from(*found);
                }
            }
        }
        Ok(f64::from(hits) / f64::from(asked.max(1)))
    }

    fn get(&mut self, batch: &[Request]) -> io::Result<Vec<bool>> {
        let mut bytes = Vec::new();
        batch.iter().for_each(|request| command(&mut bytes, &["GET", &key(request.key)]));
        self.output.write_all(&bytes)?;
        batch.iter().map(|_| Ok(self.reply()? != "$-1")).collect()
    }

    fn set(&mut self, keys: &[usize]) -> io::Result<()> {
        let mut bytes = Vec::new();
        keys.iter().for_each(|&number| command(&mut bytes, &["SET", &key(number), &value(number)]));
        self.output.write_all(&bytes)?;
        keys.iter().try_for_each(|_| self.reply().map(drop))
    }

    fn ask(&mut self, words: &[&str]) -> io::Result<String> {
        let mut bytes = Vec::new();
        command(&mut bytes, words);
        self.output.write_all(&bytes)?;
        self.reply()
    }

    /// The first line of a reply; a string behind it is skipped.
    fn reply(&mut self) -> io::Result<String> {
        self.line.clear();
        self.input.read_line(&mut self.line)?;
        let line = self.line.trim_end().to_owned();
        if line.is_empty() || line.starts_with('-') {
            return Err(io::Error::other(format!("the server says: {line:?}")));
        }
        if let Some(length) = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) {
            self.value.resize(length + 2, 0);
            self.input.read_exact(&mut self.value)?;
        }
        Ok(line)
    }
}

fn command(out: &mut Vec<u8>, words: &[&str]) {
    out.extend(format!("*{}\r\n", words.len()).bytes());
    words.iter().for_each(|word| out.extend(format!("${}\r\n{word}\r\n", word.len()).bytes()));
}

fn key(number: usize) -> String {
    format!("user:{number:011}")
}

fn value(number: usize) -> String {
    let size = fastrand::Rng::with_seed(number as u64).usize(VALUE.0..=VALUE.1);
    "x".repeat(size)
}
