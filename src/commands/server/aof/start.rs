//! The log at the start of the process: loading what is there, and going on behind it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::Server;
use super::super::rdb::{load_libraries, load_options};
use super::rewrite::write_empty_base;
use super::{Impossible, Phase, folder, follow, remove_history, start_writer};
use crate::config::Settings;
use crate::keyspace::journal::Mark;
use crate::persist::aof::{Folder, LoadFailure, Manifest, OpenError, Reason, Replay, load_commands};
use crate::persist::snapshot::{LoadOptions, load as load_rdb};

/// Bytes that are read from a file at once.
const READ_BUFFER: usize = 1 << 20;

/// How a file that isn't loaded to its end is to be treated.
enum Unloadable {
    /// Its end is missing: what is before this offset is good.
    CutOff(u64),
    /// There is no going on; the log says why.
    Fatal,
}

/// Reads the manifest, taking over the file of an old server first if there is one.
///
/// # Errors
/// There is a manifest that can't be read, or isn't one. The log says so.
fn manifest(folder: &Folder) -> Result<Manifest, Impossible> {
    let mut manifest = folder.read_manifest().map_err(|error| {
        match error {
            OpenError::Io(path, error) => tracing::warn!(
                "Fatal error: can't open the AOF manifest file {} for reading: {error}",
                path.display()
            ),
            OpenError::Manifest(error) => {
                tracing::warn!("*** FATAL AOF MANIFEST FILE ERROR ***");
                tracing::warn!("{error}");
            }
        }
        Impossible
    })?;
    folder.upgrade(&mut manifest).map_err(|error| {
        tracing::warn!(
            "Error trying to move the old AOF file {} into dir {}: {error}",
            folder.prefix,
            folder.dir().display()
        );
        Impossible
    })?;
    Ok(manifest)
}

/// Whether there is a log to load, and how many bytes it has.
///
/// # Errors
/// What is there can't be loaded. The log says why.
pub fn is_there(server: &Server) -> Result<Option<u64>, Impossible> {
    let folder = folder(&server.config.settings());
    let manifest = manifest(&folder)?;
    let mut total = 0;
    for part in manifest.parts() {
        total += folder.len(&part.name).map_err(|error| {
            tracing::warn!("Unable to obtain the AOF file {} length. stat: {error}", part.name);
            Impossible
        })?;
    }
    let empty = manifest.is_empty();
    server.aof.state.lock().manifest = manifest;
    server.aof.status.size.store(total, Ordering::Relaxed);
    Ok((!empty && total > 0).then_some(total))
}

/// Loads the files that the manifest names. Nobody else may write meanwhile.
///
/// # Errors
/// They can't be loaded. The log says where and why; what came before that is in the keyspace.
pub fn load(server: &Arc<Server>) -> Result<(), Impossible> {
    let folder = folder(&server.config.settings());
    let manifest = server.aof.state.lock().manifest.clone();
    for (index, part) in manifest.parts().enumerate() {
        let begun = Instant::now();
        let is_base = manifest.base.as_ref() == Some(part);
        let is_last = || {
            let mut behind = manifest.parts().skip(index + 1).peekable();
            // A rewrite makes the next increment a moment before anything goes there.
            behind.peek().is_none()
                || !is_base && behind.all(|part| folder.len(&part.name).is_ok_and(|len| len == 0))
        };
        match load_file(server, &folder, &part.name) {
            Ok(()) => {}
            Err(Unloadable::CutOff(good)) if is_last() => cut(server, &folder, &part.name, good)?,
            Err(Unloadable::CutOff(_)) => {
                tracing::warn!("Fatal error: the truncated file is not the last file");
                return Err(Impossible);
            }
            Err(Unloadable::Fatal) => return Err(Impossible),
        }
        let kind = if is_base { "base" } else { "incr" };
        let seconds = begun.elapsed().as_secs_f64();
        tracing::info!("DB loaded from {kind} file {}: {seconds:.3} seconds", part.name);
        if is_base {
            let size = folder.len(&part.name).unwrap_or(0);
            server.aof.status.size_after_rewrite.store(size, Ordering::Relaxed);
        }
    }
    // All of it is on disk.
    server.saves.note_saved(server.dirty.load(Ordering::Relaxed));
    Ok(())
}

/// Loads the files again that the manifest on disk names, as at a start. No rewrite may be under way.
///
/// # Errors
/// As for [`load`].
pub fn load_again(server: &Arc<Server>) -> Result<(), Impossible> {
    let settings = server.config.settings();
    let manifest = manifest(&folder(&settings))?;
    server.aof.state.lock().manifest = manifest;
    remove_history(server, &settings);
    load(server)
}

fn load_file(server: &Arc<Server>, folder: &Folder, name: &str) -> Result<(), Unloadable> {
    let opened = File::open(folder.path(name)).and_then(|mut file| {
        let mut begin = Vec::new();
        (&mut file).take(5).read_to_end(&mut begin)?;
        file.rewind()?;
        Ok((file, begin == b"REDIS"))
    });
    let (file, is_rdb) = opened.map_err(|error| {
        tracing::warn!("Fatal error: can't open the append log file {name} for reading: {error}");
        Unloadable::Fatal
    })?;
    if !is_rdb {
        let input = Counted { input: BufReader::with_capacity(READ_BUFFER, file), server };
        return replay(server, name, input, 0);
    }
    let old_style = name == folder.prefix;
    match old_style {
        true => tracing::info!("Reading RDB preamble from AOF file..."),
        false => tracing::info!("Reading RDB base file on AOF loading..."),
    }
    // A file has each key once, but commands that follow were run while those were there that have expired since.
    let options = LoadOptions { keeps_expired: true, ..load_options(server) };
    let loaded = load_rdb(&server.keyspace, file, &options, &server.loading).map_err(|error| {
        let what = if old_style { "RDB preamble of the AOF file" } else { "RDB base file" };
        tracing::warn!("Error reading the {what} {name}, AOF loading aborted: {error}");
        Unloadable::Fatal
    })?;
    load_libraries(server, &loaded.libraries, true).map_err(|_| Unloadable::Fatal)?;
    if old_style {
        tracing::info!("Reading the remaining AOF tail...");
    }
    replay(server, name, BufReader::with_capacity(READ_BUFFER, loaded.rest), loaded.end)
}

/// Runs the commands of a file from an offset on.
fn replay(server: &Arc<Server>, name: &str, input: impl BufRead, offset: u64) -> Result<(), Unloadable> {
    let make = server.aof.replayer.get().expect("set when the server is put together");
    let mut replay: Box<dyn Replay> = make(server);
    let Err(LoadFailure { good, reason }) = load_commands(input, offset, &mut *replay) else { return Ok(()) };
    match reason {
        Reason::CutOff => return Err(Unloadable::CutOff(good)),
        Reason::OpenTransaction => {
            tracing::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {name}");
            return Err(Unloadable::CutOff(good));
        }
        Reason::Format(at, what) => tracing::warn!(
            "Bad file format reading the append only file {name}: at offset {at}, {what}: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
        ),
        Reason::Impossible(why) => tracing::warn!("{why} reading the append only file {name}"),
        Reason::Io(error) => {
            tracing::warn!("Unrecoverable error reading the append only file {name}: {error}");
        }
        Reason::Cancelled => {}
    }
    Err(Unloadable::Fatal)
}

/// Cuts off what is behind the good part of the last file, keeping it beside, if that is allowed.
fn cut(server: &Server, folder: &Folder, name: &str, good: u64) -> Result<(), Impossible> {
    if !server.config.settings().aof.load_truncated {
        tracing::warn!(
            "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server."
        );
        return Err(Impossible);
    }
    tracing::warn!("!!! Warning: short read while loading the AOF file {name}!!!");
    tracing::warn!("!!! Truncating the AOF {name} at offset {good} !!!");
    let cut = folder.cut(name, good).map_err(|error| {
        tracing::warn!("Error truncating the AOF file {name}: {error}");
        Impossible
    })?;
    tracing::warn!("The bytes that were cut off are in {}", cut.display());
    tracing::warn!("AOF {name} loaded anyway because aof-load-truncated is enabled");
    Ok(())
}

/// Goes on with the log behind what was loaded. An empty server begins one.
///
/// # Errors
/// It can't be written. The log says why.
pub fn open(server: &Arc<Server>) -> Result<(), Impossible> {
    let settings = server.config.settings();
    let folder = folder(&settings);
    open_files(server, &settings, &folder).map_err(|error| {
        tracing::warn!("Can't open the append-only file in {}: {error}", folder.dir().display());
        Impossible
    })?;
    follow(&server.keyspace.journal, &settings);
    let mut state = server.aof.state.lock();
    start_writer(server, &mut state)?;
    state.phase = Phase::On;
    server.aof.status.enabled.store(true, Ordering::Relaxed);
    Ok(())
}

fn open_files(server: &Server, settings: &Settings, folder: &Folder) -> io::Result<()> {
    folder.create()?;
    let mut state = server.aof.state.lock();
    let manifest = &mut state.manifest;
    if manifest.is_empty() {
        let name = manifest.add_base(&folder.prefix, settings.aof.rdb_preamble);
        write_empty_base(server, folder, &name)?;
        tracing::info!("Creating AOF base file {name} on server start");
    }
    let (name, verb) = match manifest.increments.last() {
        Some(last) => (last.name.clone(), "Opening"),
        None => (manifest.add_increment(&folder.prefix), "Creating"),
    };
    let (file, len) = folder.open(&name)?;
    folder.write_manifest(manifest)?;
    tracing::info!("{verb} AOF incr file {name} on server start");
    let size = manifest.parts().map(|part| folder.len(&part.name).unwrap_or(0)).sum();
    server.aof.status.size.store(size, Ordering::Relaxed);
    server.keyspace.journal.mark(Mark::GoOn(file, len));
    server.keyspace.journal.switch(true);
    Ok(())
}

/// Tells the progress of loading.
struct Counted<'s, R> {
    input: R,
    server: &'s Server,
}

impl<R: BufRead> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.server.loading.advance(count as u64);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.server.loading.advance(count as u64);
        self.input.consume(count);
    }
}
