//! Reading the RDB file: at the start, and for DEBUG RELOAD.

use std::fs::File;
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::Server;
use super::path;
use crate::base::clock::unix_ms;
use crate::keyspace::{Clock, View};
use crate::persist::rdb;
use crate::persist::snapshot::{LoadError, LoadOptions, Loaded, Rest, load as load_file, load_held};

/// The server's file can't be loaded; the log says why.
#[derive(Debug)]
pub struct Unloadable;

/// How files are loaded at this moment.
pub fn load_options(server: &Server) -> LoadOptions {
    let settings = server.config.settings();
    LoadOptions {
        limits: rdb::Limits::new(&settings.encodings, server.list_packed_threshold.load(Ordering::Relaxed)),
        checksum: settings.snapshots.checksum && !server.checksums_skipped.load(Ordering::Relaxed),
        clock: Clock::under(&settings, unix_ms()),
        keeps_expired: false,
        replaces: false,
        rest: Rest(settings.debug.load_rest),
    }
}

/// Opens the server's file and notes that loading begins; none if there is no file.
///
/// # Errors
/// It can't be read. The log says why.
pub fn open(server: &Server) -> Result<Option<File>, Unloadable> {
    let path = path(&server.config.settings());
    let opened = File::open(&path).and_then(|file| {
        let size = file.metadata()?.len();
        Ok((file, size))
    });
    match opened {
        Ok((file, size)) => {
            server.loading.begin(size);
            Ok(Some(file))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let path = path.display();
            tracing::warn!("Fatal error: can't open the RDB file {path} for reading: {error}");
            Err(Unloadable)
        }
    }
}

/// Loads the server's file, which `open` has opened, into its keyspace.
///
/// # Errors
/// The file is damaged. The log says where and how. What came before that is in the keyspace.
pub fn load(server: &Server, file: File) -> Result<(), Unloadable> {
    let begun = Instant::now();
    let loaded = load_file(&server.keyspace, file, &load_options(server), &server.loading);
    server.loading.end();
    conclude(server, loaded, false).inspect_err(|_| {
        if !server.loading.is_cancelled() {
            tracing::warn!("Terminating server after rdb file reading failure.");
        }
    })?;
    tracing::info!("DB loaded from disk: {:.3} seconds", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Loads the server's file for who holds everything and goes on holding it. Without a file there is nothing to do.
///
/// # Errors
/// As for `load`.
pub fn reload(server: &Server, keys: &mut View<'_>, replaces: bool) -> Result<(), Unloadable> {
    let Some(file) = open(server)? else { return Ok(()) };
    let options = LoadOptions { replaces, ..load_options(server) };
    let loaded = load_held(keys, file, &options, &server.loading);
    server.loading.end();
    conclude(server, loaded, replaces)
}

/// Takes what came of loading into account.
fn conclude<R>(
    server: &Server,
    loaded: Result<Loaded<R>, LoadError>,
    replaces: bool,
) -> Result<(), Unloadable> {
    match loaded {
        Ok(loaded) => {
            let (keys, expired) = (loaded.keys, loaded.expired);
            let empty = match loaded.empty {
                0 => String::new(),
                empty => format!(", empty keys skipped: {empty}"),
            };
            tracing::info!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}{empty}.");
            load_libraries(server, &loaded.libraries, replaces)
        }
        Err(LoadError::Cancelled) => Err(Unloadable),
        Err(error) => {
            let path = path(&server.config.settings());
            tracing::error!("Can't load the RDB file {}: {error}", path.display());
            Err(Unloadable)
        }
    }
}

/// Loads libraries of functions from their code.
///
/// # Errors
/// One is no good. The log says why.
pub fn load_libraries(server: &Server, libraries: &[Vec<u8>], replaces: bool) -> Result<(), Unloadable> {
    let mut functions = server.functions.lock();
    for code in libraries {
        if let Err(refused) = functions.load(&server.scripts.running, code, replaces) {
            tracing::warn!("Failed loading library, {}", String::from_utf8_lossy(&refused.0));
            return Err(Unloadable);
        }
    }
    Ok(())
}
