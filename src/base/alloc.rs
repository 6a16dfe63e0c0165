//! The allocator of the process: jemalloc, with a count of the bytes in use that costs nothing.
//!
//! `maxmemory` and `used_memory` need the bytes in use at any moment, and a counter that all threads write would
//! be the most contended line of the machine. So each thread counts in a cache line of its own, by a plain load
//! and store; [`used`] sums the lines. What one thread allocates and another frees makes one line grow and the
//! other shrink, below zero if need be: only the sum means something. Threads beyond the first [`LANES`]
//! (short-lived ones, in a server) share a line and add atomically.
//!
//! What counts is the size class, not the size asked for. It comes from arithmetic on the layout, the same when
//! memory is taken and given back, so the sum cannot drift; a test holds the arithmetic against jemalloc's.
//!
//! **Size classes in steps of 8.** jemalloc spaces small classes by its quantum, usually 16 bytes because C
//! wants `malloc` aligned to 16. Rust names the alignment it wants, so the quantum here is 8 and whatever
//! wants more says so. The quantum is set when jemalloc is built: `.cargo/config.toml` has the variables.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{io, ptr};

use crossbeam_utils::CachePadded;
use tikv_jemalloc_ctl::stats_print::{self, stats_print};
use tikv_jemalloc_ctl::{Error, background_thread, epoch, raw, stats};
use tikv_jemalloc_sys as jemalloc;

use super::size_class::size_class;
use super::worker;

/// What plain `malloc` is aligned to, in bytes.
const QUANTUM: usize = 8;
/// Pages are what large allocations are made of, in bytes.
const PAGE: usize = 4096;
/// The largest class that shares pages with others, in bytes.
const SMALL_MAX: usize = 14 * 1024;
/// The least that has pages of its own, in bytes; beyond it every multiple of a page is a class.
const LARGE_MIN: usize = 16 * 1024;
/// How long unused pages are kept for what is allocated next. jemalloc's 10 s leave a peak behind for longer than
/// people wait.
const DECAY: Duration = Duration::from_secs(3);
/// The same where memory is limited: at a limit of 256 MB, writes of large values keep some 15 MB that way, not 40.
const DECAY_WHEN_LIMITED: Duration = Duration::from_millis(500);
/// Threads that serve clients and allocate from the same arena.
const SHARERS: usize = 4;
/// Threads with a counter of their own.
const LANES: usize = 64;

// AddressSanitizer has to see the allocations itself: `--cfg asan` leaves them to it, and `used` at 0.
#[cfg_attr(not(asan), global_allocator)]
static GLOBAL: Allocator = Allocator::new();

/// Bytes in use by the process, rounded up to size classes: exact to what other threads do meanwhile.
pub fn used() -> usize {
    GLOBAL.used()
}

/// Gives unused memory back to the operating system: what the calling thread's cache holds, and all unused pages.
///
/// # Errors
/// If jemalloc refuses it.
pub fn purge() -> io::Result<()> {
    command(c"thread.tcache.flush")?;
    command(c"arena.4096.purge") // 4096 stands for all arenas.
}

/// Whether a thread of jemalloc's gives unused pages back, even when the program allocates nothing: most of what was
/// freed within 3 s, or half a second where memory is limited.
///
/// # Errors
/// If jemalloc can't have such a thread.
pub fn set_background_purging(enabled: bool, limited: bool) -> Result<(), Error> {
    set_decay(if limited { DECAY_WHEN_LIMITED } else { DECAY })?;
    background_thread::write(enabled)
}

/// Has unused pages go back after a time, in the arenas there are and those to come.
fn set_decay(decay: Duration) -> Result<(), Error> {
    let decay_ms = decay.as_millis() as isize;
    // SAFETY: jemalloc documents the count as an `unsigned` and the times as `ssize_t`; all names end with a NUL.
    unsafe {
        raw::write(b"arenas.dirty_decay_ms\0", decay_ms)?;
        let arenas: u32 = raw::read(b"arenas.narenas\0")?;
        for arena in 0..arenas {
            // Arenas that nobody has used yet refuse it, and begin with the value for those to come.
            let _ = raw::write(format!("arena.{arena}.dirty_decay_ms\0").as_bytes(), decay_ms);
        }
    }
    Ok(())
}

/// Has the calling thread, one of those that serve clients, allocate where some of the others do. Which of them are at
/// work changes, and what one has allocated in an arena of its own leaves pages half empty while others go on.
pub fn share_arena() {
    let arenas = worker::count().div_ceil(SHARERS);
    let arena = (worker::index() / SHARERS % arenas) as u32;
    // SAFETY: jemalloc documents the number as an `unsigned`; the name ends with a NUL.
    if let Err(error) = unsafe { raw::write(b"thread.arena\0", arena) } {
        tracing::debug!("A thread keeps its own arena: {error}");
    }
}

/// What jemalloc tells about itself, all in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Allocated by the program, by size class; what the caches of threads hold counts too.
    pub allocated: usize,
    /// In pages of which something is allocated.
    pub active: usize,
    /// In pages that may be in physical memory: active ones, unused ones not given back yet, jemalloc's own.
    pub resident: usize,
    /// Address space kept for later, without memory behind it.
    pub retained: usize,
    /// In unused pages that the operating system may take back when it needs them.
    pub muzzy: usize,
}

/// Asks jemalloc for its statistics as they are now: some microseconds, under locks of jemalloc's.
///
/// # Errors
/// If jemalloc has none, as under AddressSanitizer.
pub fn stats() -> Result<Stats, Error> {
    epoch::advance()?;
    // SAFETY: jemalloc documents this value as a `size_t`, for which any bits are valid.
    let muzzy_pages: usize = unsafe { raw::read(b"stats.arenas.4096.pmuzzy\0")? };
    Ok(Stats {
        allocated: stats::allocated::read()?,
        active: stats::active::read()?,
        resident: stats::resident::read()?,
        retained: stats::retained::read()?,
        muzzy: muzzy_pages * PAGE,
    })
}

/// jemalloc's version: `5.3.1`.
pub fn version() -> &'static str {
    let version = tikv_jemalloc_ctl::version::read().unwrap_or("unknown");
    version.split('-').next().unwrap_or(version)
}

/// jemalloc's statistics in full, for people.
pub fn report() -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = stats_print(&mut text, stats_print::Options::default());
    String::from_utf8_lossy(&text).into_owned()
}

/// jemalloc with counters of its own.
struct Allocator {
    lanes: [CachePadded<AtomicUsize>; LANES],
    shared: CachePadded<AtomicUsize>,
}

impl Allocator {
    const fn new() -> Self {
        Allocator {
            lanes: [const { CachePadded::new(AtomicUsize::new(0)) }; LANES],
            shared: CachePadded::new(AtomicUsize::new(0)),
        }
    }

    /// Adds to the calling thread's counter, modulo 2^64: a difference may be negative.
    #[inline]
    fn count(&self, difference: usize) {
        match self.lanes.get(worker::index()) {
            // Nobody else writes this counter, and readers want no order among counters: relaxed does.
            Some(lane) => {
                lane.store(lane.load(Ordering::Relaxed).wrapping_add(difference), Ordering::Relaxed);
            }
            None => {
                self.shared.fetch_add(difference, Ordering::Relaxed);
            }
        }
    }

    fn used(&self) -> usize {
        let lanes = self.lanes.iter().chain([&self.shared]);
        let sum = lanes.fold(0usize, |sum, lane| sum.wrapping_add(lane.load(Ordering::Relaxed)));
        // Memory that moves between threads while we sum can be missed when taken and seen when given back.
        usize::try_from(sum as isize).unwrap_or(0)
    }
}

/// Bytes that an allocation of this layout occupies.
///
/// A small one is the class of a multiple of its alignment, for jemalloc lays those out aligned. What has no such
/// class takes whole pages.
#[inline]
fn usable(size: usize, align: usize) -> usize {
    let padded = if align <= QUANTUM { size } else { size.next_multiple_of(align) };
    if padded <= SMALL_MAX && align <= PAGE {
        return size_class(padded);
    }
    size.max(LARGE_MIN).next_multiple_of(PAGE)
}

/// How jemalloc is told an alignment; 0 is the quantum.
#[inline]
fn flags(align: usize) -> i32 {
    if align <= QUANTUM { 0 } else { jemalloc::MALLOCX_ALIGN(align) }
}

// SAFETY: jemalloc is an allocator; it is told every size and alignment, when memory is taken and when it is given
// back. No method unwinds: counting allocates nothing and its thread-local has no destructor.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let memory = match flags(layout.align()) {
            // SAFETY: any size is fine.
            0 => unsafe { jemalloc::malloc(layout.size()) },
            // SAFETY: the caller promises a size that isn't 0.
            flags => unsafe { jemalloc::mallocx(layout.size(), flags) },
        };
        if !memory.is_null() {
            self.count(usable(layout.size(), layout.align()));
        }
        memory.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let memory = match flags(layout.align()) {
            // SAFETY: any size is fine.
            0 => unsafe { jemalloc::calloc(1, layout.size()) },
            // SAFETY: the caller promises a size that isn't 0.
            flags => unsafe { jemalloc::mallocx(layout.size(), flags | jemalloc::MALLOCX_ZERO) },
        };
        if !memory.is_null() {
            self.count(usable(layout.size(), layout.align()));
        }
        memory.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.count(usable(layout.size(), layout.align()).wrapping_neg());
        // SAFETY: the caller promises that `memory` was allocated here with this layout, so with these flags.
        unsafe { jemalloc::sdallocx(memory.cast(), layout.size(), flags(layout.align())) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `memory` was allocated here with this layout, and a size that isn't 0.
        let moved = unsafe { jemalloc::rallocx(memory.cast(), new_size, flags(layout.align())) };
        if !moved.is_null() {
            let old = usable(layout.size(), layout.align());
            self.count(usable(new_size, layout.align()).wrapping_sub(old));
        }
        moved.cast()
    }
}

/// Has jemalloc do what takes and gives no value.
fn command(name: &CStr) -> io::Result<()> {
    // SAFETY: the name ends with a NUL, and null pointers say that there is no value.
    match unsafe { jemalloc::mallctl(name.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0) } {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn sizes_are_those_of_jemalloc() {
        // SAFETY: `nallocx` reads nothing but its arguments, and no size is 0.
        let theirs = |size, align| unsafe { jemalloc::nallocx(size, flags(align)) };
        for size in 1..=1 << 20 {
            assert_eq!(usable(size, 1), theirs(size, 1), "{size}");
        }
        for align in (0..=16).map(|shift| 1 << shift) {
            for size in (1..40_000).chain((40_000..1 << 20).step_by(997)) {
                assert_eq!(usable(size, align), theirs(size, align), "{size} aligned to {align}");
            }
        }
    }

    #[test]
    fn jemalloc_is_built_and_configured_as_wanted() {
        // SAFETY: jemalloc documents both values as `size_t`.
        let read = |name: &[u8]| unsafe { raw::read::<usize>(name) }.expect("a documented name");
        assert_eq!(read(b"arenas.quantum\0"), QUANTUM, ".cargo/config.toml was not read");
        assert_eq!(read(b"arenas.page\0"), PAGE);
        assert_eq!(read(b"opt.max_background_threads\0"), 1);
        assert!(version().starts_with("5."), "{}", version());
    }

    #[test]
    fn threads_that_serve_clients_share_arenas() {
        let arena_of_new_thread = || {
            let thread = thread::spawn(|| {
                share_arena();
                // SAFETY: jemalloc documents the value as an `unsigned`.
                unsafe { raw::read::<u32>(b"thread.arena\0") }.expect("a documented name")
            });
            thread.join().expect("it doesn't panic") as usize
        };
        let arenas = worker::count().div_ceil(SHARERS);
        for _ in 0..3 * SHARERS {
            assert!(arena_of_new_thread() < arenas);
        }
    }

    /// Fills and checks blocks, so that overlapping ones show.
    struct Block {
        memory: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Block {
        fn take(allocator: &Allocator, layout: Layout, zeroed: bool, fill: u8) -> Block {
            // SAFETY: the layouts of these tests have a size.
            let memory =
                unsafe { if zeroed { allocator.alloc_zeroed(layout) } else { allocator.alloc(layout) } };
            let mut block = Block { memory, layout, fill };
            assert!(!zeroed || block.bytes().iter().all(|byte| *byte == 0));
            block.bytes().fill(fill);
            block
        }

        fn bytes(&mut self) -> &mut [u8] {
            assert!(!self.memory.is_null() && self.memory.addr().is_multiple_of(self.layout.align()));
            // SAFETY: the block is ours and this long; its bytes were written, or nobody reads them.
            unsafe { std::slice::from_raw_parts_mut(self.memory, self.layout.size()) }
        }

        fn resize(&mut self, allocator: &Allocator, size: usize) {
            let kept = size.min(self.layout.size());
            // SAFETY: the block was allocated with this layout, and no size of these tests is 0.
            self.memory = unsafe { allocator.realloc(self.memory, self.layout, size) };
            self.layout = Layout::from_size_align(size, self.layout.align()).expect("sizes are small");
            let fill = self.fill;
            assert!(self.bytes()[..kept].iter().all(|byte| *byte == fill));
            self.bytes().fill(fill);
        }

        fn give_back(mut self, allocator: &Allocator) {
            let fill = self.fill;
            assert!(self.bytes().iter().all(|byte| *byte == fill));
            // SAFETY: the block was allocated with this layout and is forgotten here.
            unsafe { allocator.dealloc(self.memory, self.layout) };
        }
    }

    #[test]
    fn any_alignment_and_size_survives_and_is_counted() {
        let allocator = Allocator::new();
        let mut random = fastrand::Rng::with_seed(7);
        let mut blocks: Vec<Block> = Vec::new();
        let mut expected = 0;
        for turn in 0..60_000u32 {
            let magnitude = random.u32(1..17);
            let size = 1 + random.usize(..1 << magnitude);
            let align = 1 << random.u32(0..13);
            match random.u8(..4) {
                0 | 1 if blocks.len() < 400 => {
                    let layout = Layout::from_size_align(size, align).expect("sizes are small");
                    blocks.push(Block::take(&allocator, layout, random.bool(), turn as u8));
                    expected += usable(size, align);
                }
                2 if !blocks.is_empty() => {
                    let i = random.usize(..blocks.len());
                    let block = &mut blocks[i];
                    expected -= usable(block.layout.size(), block.layout.align());
                    block.resize(&allocator, size);
                    expected += usable(size, block.layout.align());
                }
                _ if !blocks.is_empty() => {
                    let block = blocks.swap_remove(random.usize(..blocks.len()));
                    expected -= usable(block.layout.size(), block.layout.align());
                    block.give_back(&allocator);
                }
                _ => {}
            }
            assert_eq!(allocator.used(), expected);
        }
        for block in blocks {
            block.give_back(&allocator);
        }
        assert_eq!(allocator.used(), 0);
    }

    #[test]
    fn counts_add_up_over_more_threads_than_lanes() {
        let allocator = Arc::new(Allocator::new());
        let threads: Vec<_> = (0..LANES + 16)
            .map(|_| {
                let allocator = Arc::clone(&allocator);
                thread::spawn(move || {
                    for _ in 0..1000 {
                        allocator.count(48);
                        allocator.count(16usize.wrapping_neg());
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("counting does not panic");
        }
        assert_eq!(allocator.used(), (LANES + 16) * 32_000);
        // Freed elsewhere, and more of it than was seen taken.
        allocator.count(((LANES + 16) * 32_000 + 8).wrapping_neg());
        assert_eq!(allocator.used(), 0);
    }

    #[test]
    #[cfg(not(asan))]
    fn the_process_is_counted() {
        const BIG: usize = 1 << 30;
        let before = (used(), stats().expect("statistics are built in").allocated);
        // Never touched, so it takes no memory.
        let big = Vec::<u8>::with_capacity(BIG);
        let after = (used(), stats().expect("statistics are built in").allocated);
        for (before, after) in [(before.0, after.0), (before.1, after.1)] {
            assert!(after > before + BIG / 10 * 9, "{before} to {after}");
        }
        drop(big);
        assert!(used() < before.0 + BIG / 2);
        purge().expect("both commands exist");
        assert!(report().contains("jemalloc"));
    }
}
