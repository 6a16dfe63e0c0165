//! What the operating system tells of this process and this machine.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{SysconfVar, sysconf};

/// Processor time.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct CpuTime {
    /// In the kernel.
    pub system: Duration,
    /// Everywhere else.
    pub user: Duration,
}

/// Bytes of this process in physical memory; 0 if that can't be known.
pub fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * page_bytes()
}

fn page_bytes() -> u64 {
    let asked = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    asked.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096)
}

/// Bytes of physical memory of the machine; 0 if that can't be known.
pub fn memory_bytes() -> u64 {
    static BYTES: LazyLock<u64> = LazyLock::new(|| {
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches("kB").trim_end().parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    });
    *BYTES
}

/// Processor time of this process.
pub fn cpu_time() -> CpuTime {
    usage(UsageWho::RUSAGE_SELF)
}

/// Processor time of the processes it started that have ended.
pub fn cpu_time_of_children() -> CpuTime {
    usage(UsageWho::RUSAGE_CHILDREN)
}

fn usage(who: UsageWho) -> CpuTime {
    let duration = |time: TimeVal| Duration::from_micros(time.num_microseconds().max(0).unsigned_abs());
    getrusage(who).map_or_else(
        |_| CpuTime::default(),
        |usage| CpuTime { system: duration(usage.system_time()), user: duration(usage.user_time()) },
    )
}

/// Name, release and architecture of the operating system: `Linux 6.1.0 x86_64`.
pub fn system() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        nix::sys::utsname::uname().map_or_else(
            |_| std::env::consts::OS.to_owned(),
            |name| {
                [name.sysname(), name.release(), name.machine()].map(|part| part.to_string_lossy()).join(" ")
            },
        )
    });
    &NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_there_and_plausible() {
        assert!(resident_bytes() > 1 << 20 && resident_bytes() < memory_bytes());
        let mut sum = 0u64;
        while cpu_time().user + cpu_time().system < Duration::from_millis(2) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(system().starts_with("Linux "), "{}", system());
    }
}
