//! Lua's memory: what an interpreter may take, and a cache of the small blocks that it gives back.
//!
//! A script makes some dozens of small objects, and the collector frees them by thousands. The allocator of the
//! process is made for others: a block there and back took 150 instructions, a fifth of what a script of two calls
//! costs. Here it takes 15: blocks of up to [`SMALL_MAX`] bytes are kept in lists by their size and handed out again.
//!
//! ```text
//! free[size / 16] ──▶ block ──▶ block ──▶ ∅       each begins with the address of the next
//! ```
//!
//! What is kept is bounded by [`CACHED_MAX`]; the rest goes back where it came from, so a script that has used much
//! leaves little behind.
//!
//! **The collector's pause.** By itself Lua begins a collection when memory has doubled since the last one. Our heaps
//! are small, so that would be every hundred scripts, each time through all that is alive. So it waits for
//! [`GARBAGE`] at least: [`Owned::settle`] says so between scripts. A script that makes the heap large gets the
//! usual pause back at once, by the allocation that does it, for the long one would let garbage eat up the limit.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::{c_int, c_void};
use std::ptr;

use mlua::StdLib;
use mlua::ffi::{self, lua_State};
use mlua::{Lua, Result};

/// The largest block that is kept, in bytes.
const SMALL_MAX: usize = 512;
/// Sizes are rounded to multiples of this, which is what blocks are aligned to as well.
const STEP: usize = 16;
/// The most that is kept for later, in bytes.
const CACHED_MAX: usize = 2 << 20;
/// Garbage that a collection is worth, in bytes.
const GARBAGE: usize = 512 << 10;
/// Lua's own pause: a collection begins when memory has doubled. In percent of what was alive.
const USUAL_PAUSE: c_int = 200;
/// The longest pause, in percent.
const LONGEST_PAUSE: usize = 1000;

/// A block that nobody uses.
struct Free {
    next: *mut Free,
}

/// See the head of this file.
struct Heap {
    /// Bytes that the interpreter has, as it asked for them.
    used: usize,
    /// The most that it may have.
    limit: usize,
    /// From here on the pause is the usual one.
    hurry_from: usize,
    state: *mut lua_State,
    /// Bytes of free blocks.
    cached: usize,
    free: [*mut Free; SMALL_MAX / STEP],
}

/// The list that blocks of a size belong to, if any.
#[inline]
fn list_of(size: usize) -> Option<usize> {
    // No size wraps around, and has no list.
    let list = size.wrapping_sub(1) / STEP;
    (list < SMALL_MAX / STEP).then_some(list)
}

/// The layout of blocks of a size, which isn't zero; none if there can't be such a block.
#[inline]
fn layout_of(size: usize) -> Option<Layout> {
    let size = list_of(size).map_or(size, |list| (list + 1) * STEP);
    Layout::from_size_align(size, STEP).ok()
}

impl Heap {
    fn new() -> Heap {
        Heap {
            used: 0,
            limit: usize::MAX,
            hurry_from: usize::MAX,
            state: ptr::null_mut(),
            cached: 0,
            free: [ptr::null_mut(); SMALL_MAX / STEP],
        }
    }

    /// A block, or null.
    ///
    /// # Safety
    /// Free blocks are ours, as [`Heap::give`] has left them.
    #[inline]
    unsafe fn take(&mut self, size: usize) -> *mut c_void {
        if let Some(list) = list_of(size)
            && let Some(block) = ptr::NonNull::new(self.free[list])
        {
            // SAFETY: the block is free and begins with a `Free`.
            self.free[list] = unsafe { block.as_ref().next };
            self.cached -= (list + 1) * STEP;
            return block.as_ptr().cast();
        }
        match layout_of(size) {
            // SAFETY: the size isn't zero.
            Some(layout) => unsafe { alloc(layout).cast() },
            None => ptr::null_mut(),
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// It came from [`Heap::take`] with this size, and nobody uses it any more.
    #[inline]
    unsafe fn give(&mut self, block: *mut c_void, size: usize) {
        match list_of(size) {
            // Under AddressSanitizer whoever uses a freed block must be found out.
            Some(list) if self.cached < CACHED_MAX && !cfg!(asan) => {
                let block = block.cast::<Free>();
                // SAFETY: blocks are aligned to and at least as long as `STEP`, which a `Free` fits in.
                unsafe { block.write(Free { next: self.free[list] }) };
                self.free[list] = block;
                self.cached += (list + 1) * STEP;
            }
            _ => {
                let layout = layout_of(size).expect("it has been allocated");
                // SAFETY: the layout is the one that it was allocated with.
                unsafe { dealloc(block.cast(), layout) };
            }
        }
    }

    /// Makes a block longer or shorter; null if that fails, the block being as it was.
    ///
    /// # Safety
    /// As for [`Heap::give`].
    unsafe fn resize(&mut self, block: *mut c_void, from: usize, to: usize) -> *mut c_void {
        let (old, new) = (list_of(from), list_of(to));
        if old.is_some() && old == new {
            return block;
        }
        // SAFETY: as the caller promises; the blocks are different ones and each as long as is copied.
        unsafe {
            match (layout_of(from), layout_of(to)) {
                (Some(layout), Some(wanted)) if old.is_none() && new.is_none() => {
                    realloc(block.cast(), layout, wanted.size()).cast()
                }
                _ => {
                    let moved = self.take(to);
                    if !moved.is_null() {
                        ptr::copy_nonoverlapping(block.cast::<u8>(), moved.cast::<u8>(), from.min(to));
                        self.give(block, from);
                    }
                    moved
                }
            }
        }
    }

    /// Gives back all free blocks.
    fn clear(&mut self) {
        for (list, first) in self.free.iter_mut().enumerate() {
            while let Some(block) = ptr::NonNull::new(*first) {
                // SAFETY: free blocks begin with a `Free` and were allocated with the size of their list.
                unsafe {
                    *first = block.as_ref().next;
                    let layout = layout_of((list + 1) * STEP).expect("it has been allocated");
                    dealloc(block.as_ptr().cast(), layout);
                }
            }
        }
        self.cached = 0;
    }

    /// Sets the pause. Of all that the interpreter has this changes one number, so an allocation may do it.
    fn pause(&self, percent: c_int) {
        // SAFETY: the state lives as long as it allocates.
        unsafe { ffi::lua_gc(self.state, ffi::LUA_GCSETPAUSE, percent) };
    }
}

/// Lua's way to the heap: all that it allocates, frees and resizes.
unsafe extern "C" fn serve(heap: *mut c_void, block: *mut c_void, from: usize, to: usize) -> *mut c_void {
    // SAFETY: the interpreter has been made with this heap, and comes with its own blocks and their sizes, one thread
    // at a time.
    unsafe {
        let heap = &mut *heap.cast::<Heap>();
        if to == 0 {
            if !block.is_null() {
                heap.used -= from;
                heap.give(block, from);
            }
            return ptr::null_mut();
        }
        let from = if block.is_null() { 0 } else { from };
        let used = (heap.used - from).saturating_add(to);
        if to > from && used > heap.limit {
            return ptr::null_mut();
        }
        let got = if block.is_null() { heap.take(to) } else { heap.resize(block, from, to) };
        if !got.is_null() {
            heap.used = used;
            if used > heap.hurry_from {
                heap.hurry_from = usize::MAX;
                heap.pause(USUAL_PAUSE);
            }
        }
        got
    }
}

/// An interpreter and its memory; both end when this is dropped. That must come after everything that mlua has made
/// of the interpreter.
pub struct Owned {
    state: *mut lua_State,
    heap: *mut Heap,
}

// SAFETY: the interpreter and its heap go together; whoever has them has them alone.
unsafe impl Send for Owned {}

impl Owned {
    /// An interpreter with the base library and these.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new(libraries: StdLib) -> Result<(Owned, Lua)> {
        let heap = Box::into_raw(Box::new(Heap::new()));
        // SAFETY: the heap stays where it is until `drop`. Opening the base library can't fail, as nothing limits the
        // memory yet.
        unsafe {
            let state = ffi::lua_newstate(serve, heap.cast());
            let owned = Owned { state, heap };
            if state.is_null() {
                return Err(mlua::Error::MemoryError("not enough memory".into()));
            }
            (*heap).state = state;
            ffi::luaL_requiref(state, c"_G".as_ptr(), ffi::luaopen_base, 1);
            ffi::lua_settop(state, 0);
            let lua = Lua::get_or_init_from_ptr(state).clone();
            lua.load_std_libs(libraries)?;
            Ok((owned, lua))
        }
    }

    /// Sets the most that the interpreter may have, in bytes.
    pub fn set_limit(&mut self, limit: usize) {
        // SAFETY: the heap lives, and nothing runs.
        unsafe { (*self.heap).limit = limit };
    }

    /// Bytes that the interpreter has.
    pub fn used(&self) -> usize {
        // SAFETY: the heap lives, and nothing runs.
        unsafe { (*self.heap).used }
    }

    /// Between scripts: has the next collection wait until it is worth while.
    pub fn settle(&mut self) {
        // SAFETY: the heap lives, and nothing runs.
        let heap = unsafe { &mut *self.heap };
        let alive = heap.used.max(1);
        let pause = (100 + GARBAGE * 100 / alive).clamp(USUAL_PAUSE as usize, LONGEST_PAUSE);
        heap.hurry_from = if alive < GARBAGE { 8 * GARBAGE } else { usize::MAX };
        heap.pause(pause as c_int);
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: nobody else has the interpreter or its heap. Its blocks are given back before the free ones.
        unsafe {
            if !self.state.is_null() {
                ffi::lua_close(self.state);
            }
            let mut heap = Box::from_raw(self.heap);
            heap.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with its size, filled with one byte.
    struct Block(*mut c_void, usize, u8);

    impl Block {
        unsafe fn check(&self) {
            // SAFETY: the block is that long, and whoever allocates here fills it.
            let bytes = unsafe { std::slice::from_raw_parts(self.0.cast::<u8>(), self.1) };
            assert!(bytes.iter().all(|byte| *byte == self.2));
        }
    }

    #[test]
    fn blocks_keep_their_bytes_and_are_counted() {
        let mut heap = Heap::new();
        let address = ptr::from_mut(&mut heap).cast::<c_void>();
        let mut blocks: Vec<Block> = Vec::new();
        for round in 0..20_000 {
            let size = if fastrand::u8(..) < 8 { fastrand::usize(1..5000) } else { fastrand::usize(1..600) };
            let fill = round as u8;
            // SAFETY: blocks are used until they are given back, with the sizes that they have.
            unsafe {
                if blocks.len() < 200 || fastrand::bool() {
                    let new = serve(address, ptr::null_mut(), 5, size);
                    assert!((new as usize).is_multiple_of(STEP) && !new.is_null());
                    new.cast::<u8>().write_bytes(fill, size);
                    blocks.push(Block(new, size, fill));
                } else if fastrand::bool() {
                    let at = fastrand::usize(..blocks.len());
                    let Block(block, old, fill) = blocks[at];
                    let new = serve(address, block, old, size);
                    blocks[at] = Block(new, old.min(size), fill);
                    blocks[at].check();
                    new.cast::<u8>().write_bytes(fill, size);
                    blocks[at].1 = size;
                } else {
                    let gone = blocks.swap_remove(fastrand::usize(..blocks.len()));
                    gone.check();
                    assert!(serve(address, gone.0, gone.1, 0).is_null());
                }
            }
        }
        assert_eq!(heap.used, blocks.iter().map(|block| block.1).sum::<usize>());
        for block in blocks {
            // SAFETY: as above.
            unsafe {
                block.check();
                serve(address, block.0, block.1, 0);
            }
        }
        assert!(heap.used == 0 && heap.cached <= CACHED_MAX + SMALL_MAX);
        heap.clear();
        assert!(heap.cached == 0 && heap.free.iter().all(|first| first.is_null()));
    }

    #[test]
    fn the_limit_holds_and_a_refused_block_stays() {
        let mut heap = Heap::new();
        heap.limit = 1000;
        let address = ptr::from_mut(&mut heap).cast::<c_void>();
        // SAFETY: blocks are used until they are given back, with the sizes that they have.
        unsafe {
            let block = serve(address, ptr::null_mut(), 0, 900);
            block.cast::<u8>().write_bytes(7, 900);
            assert!(serve(address, ptr::null_mut(), 0, 101).is_null());
            assert!(serve(address, block, 900, 1001).is_null());
            assert!(serve(address, block, 900, usize::MAX >> 1).is_null());
            Block(block, 900, 7).check();
            let block = serve(address, block, 900, 30);
            assert_eq!(heap.used, 30);
            Block(block, 30, 7).check();
            serve(address, block, 30, 0);
        }
        heap.clear();
    }

    #[test]
    fn an_interpreter_ends_with_its_memory() {
        let (mut owned, lua) = Owned::new(StdLib::STRING).expect("memory");
        let before = owned.used();
        let text: String = lua
            .load("local t = {} for i = 1, 1000 do t[i] = {i} end return #t .. 'x'")
            .eval()
            .expect("it runs");
        assert!(text == "1000x" && owned.used() > before);
        owned.set_limit(owned.used() + 100_000);
        let failed = lua.load("return #string.rep('x', 1000000)").eval::<usize>();
        assert!(matches!(failed, Err(mlua::Error::MemoryError(_))), "{failed:?}");
        owned.settle();
        drop(lua);
    }
}
