//! `--stat`: a line of figures for each interval.

use std::thread::sleep;
use std::time::Duration;

use crate::output;
use crate::session::{Failed, Session};
use crate::text::{human_bytes, leading_integer};

/// The heading stands above every so many lines.
const LINES_PER_HEADING: usize = 20;
const HEADING: &str = "\
------- data ------ --------------------- load -------------------- - child -
keys       mem      clients blocked requests            connections          
";

/// Shows figures until the program is ended.
///
/// # Errors
/// The server refuses, or the connection is lost for good.
pub fn run(session: &mut Session) -> Result<(), Failed> {
    let interval = match session.options.interval {
        Duration::ZERO => Duration::from_secs(1),
        told => told,
    };
    let databases = databases(session)?;
    let (mut lines, mut requests) = (0, None);
    loop {
        let reply = session.call_for_ever(&["INFO"])?;
        if let Some(error) = reply.error() {
            return Err(Failed(format!("ERROR: {error}")));
        }
        let info = Info(reply.text().unwrap_or_default());
        if lines % LINES_PER_HEADING == 0 {
            output::print(format_args!("{HEADING}"));
        }
        lines += 1;
        let now = info.number("total_commands_processed");
        let line = line(&info, databases, now - requests.unwrap_or(now));
        requests = Some(now);
        output::print(format_args!("{line}\n"));
        sleep(interval);
    }
}

fn databases(session: &mut Session) -> Result<i64, Failed> {
    let reply = session.call_once(&["CONFIG", "GET", "databases"])?;
    if let Some(error) = reply.error() {
        eprintln!("CONFIG GET databases fails: {error}, use default value 16 instead");
        return Ok(16);
    }
    let number = reply.pairs().first().and_then(|(_, value)| value.text()).map(leading_integer);
    Ok(number.unwrap_or(16))
}

/// INFO's reply.
struct Info<'a>(&'a [u8]);

impl Info<'_> {
    /// The number after the first occurrence of a field's name and the character behind it.
    fn find(&self, field: &str) -> Option<i64> {
        let at = memchr::memmem::find(self.0, field.as_bytes())?;
        self.0.get(at + field.len() + 1..).map(leading_integer)
    }

    fn number(&self, field: &str) -> i64 {
        self.find(field).unwrap_or(0)
    }
}

fn line(info: &Info, databases: i64, new_requests: i64) -> String {
    let keys: i64 = (0..databases).filter_map(|db| info.find(&format!("db{db}:keys"))).sum();
    let requests = format!("{} (+{new_requests})", info.number("total_commands_processed"));
    let at_work =
        [info.number("bgsave_in_progress"), info.number("aof_rewrite_in_progress"), info.number("loading")];
    let child = match at_work.map(|at_work| at_work != 0) {
        [true, false, false] => "SAVE",
        [false, true, false] => "AOF",
        [true, true, false] => "SAVE+AOF",
        [false, false, true] => "LOAD",
        _ => "",
    };
    format!(
        "{keys:<11}{:<8} {:<8}{:<8}{requests:<19} {:<12}{child}",
        human_bytes(info.number("used_memory")),
        info.number("connected_clients"),
        info.number("blocked_clients"),
        info.number("total_connections_received"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_figures() {
        let info = Info(
            b"connected_clients:3\r\nblocked_clients:1\r\nused_memory:1290000\r\nloading:0\r\n\
              rdb_bgsave_in_progress:1\r\naof_rewrite_in_progress:0\r\ntotal_connections_received:7\r\n\
              total_commands_processed:1234\r\ndb0:keys=5,expires=0\r\ndb11:keys=4,expires=1\r\n",
        );
        let expected = "9          1.23M    3       1       1234 (+12)          7           SAVE";
        assert_eq!(line(&info, 16, 12), expected);
    }
}
