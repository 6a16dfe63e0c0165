//! A file under a temporary name that takes another file's place once it is complete and on disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::manners::Manners;
use crate::keyspace::Meter;

/// After so many bytes what was written is sent to the disk, so that it isn't flooded at the end.
const SYNC_EVERY: usize = 4 << 20;

/// Counts files that are being written, so that the end of the process can wait until those are removed that won't be
/// complete any more.
#[derive(Clone, Default)]
pub struct Drafts(Arc<()>);

impl Drafts {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// See the head of this file. One that is dropped before it is complete is removed.
pub struct Draft {
    file: File,
    path: PathBuf,
    installed: bool,
    /// Bytes that may not be on disk yet; none if nobody cares before the end.
    unsynced: Option<usize>,
    /// How others get to run while a large value is written, unless it presses; between values the walker sees to it.
    manners: Option<(Manners, Meter)>,
    /// Given back after the file has been removed.
    _counted: Drafts,
}

/// Why there is no new file.
#[derive(Debug)]
pub enum SaveError {
    /// The temporary file can't be opened.
    Open(PathBuf, io::Error),
    /// The temporary file can't be written: at this step.
    Write(&'static str, io::Error),
    /// It can't take the place of the old one, whose path this is.
    Rename(PathBuf, io::Error),
    /// It has taken its place, but the folder isn't known to be on disk.
    Folder(io::Error),
    /// Somebody has given it up.
    Cancelled,
}

impl Draft {
    /// Opens a new file; what a file of this name held is gone.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn create(path: PathBuf, incremental_fsync: bool, drafts: &Drafts) -> Result<Draft, SaveError> {
        match File::create(&path) {
            Ok(file) => Ok(Draft {
                file,
                path,
                installed: false,
                unsynced: incremental_fsync.then_some(0),
                manners: None,
                _counted: drafts.clone(),
            }),
            Err(error) => Err(SaveError::Open(path, error)),
        }
    }

    /// Has others run while it is written, as long as the snapshot that it is made of allows.
    pub fn mind_others(&mut self, meter: Meter) {
        self.manners = Some((Manners::default(), meter));
    }

    /// Makes sure that all is on disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), SaveError> {
        self.file.sync_all().map_err(|error| SaveError::Write("fsync", error))
    }

    /// Gives the file, which has been synced, its final name. When it returns, that is on disk too.
    ///
    /// # Errors
    /// The system's. What had the name before still has it, unless it is the folder that can't be synced.
    pub fn install(mut self, target: &Path) -> Result<(), SaveError> {
        fs::rename(&self.path, target).map_err(|error| SaveError::Rename(target.to_owned(), error))?;
        self.installed = true;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(SaveError::Folder)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((manners, meter)) = &mut self.manners
            && !meter.presses()
        {
            manners.mind();
        }
        let written = self.file.write(bytes)?;
        if let Some(unsynced) = &mut self.unsynced {
            *unsynced += written;
            if *unsynced >= SYNC_EVERY {
                *unsynced = 0;
                self.file.sync_data()?;
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.installed {
            // There is nobody to tell: whatever made it incomplete has been told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl SaveError {
    /// Writes to the log what Redis writes.
    pub fn log(&self) {
        let folder =
            std::env::current_dir().map_or_else(|_| "unknown".into(), |dir| dir.display().to_string());
        match self {
            SaveError::Open(path, error) => tracing::warn!(
                "Failed opening the temp RDB file {} (in server root dir {folder}) for saving: {error}",
                path.display()
            ),
            SaveError::Write(step, error) => {
                tracing::warn!("Write error while saving DB to the disk({step}): {error}");
            }
            SaveError::Rename(path, error) => tracing::warn!(
                "Error moving temp DB file on the final destination {} (in server root dir {folder}): {error}",
                path.display()
            ),
            SaveError::Folder(error) => {
                tracing::warn!("Failed to fsync directory while saving DB: {error}");
            }
            SaveError::Cancelled => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_place_of_the_old_file_or_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let (target, draft) = (folder.path().join("dump.rdb"), folder.path().join("temp-1.rdb"));
        fs::write(&target, "old").unwrap();
        let drafts = Drafts::default();
        for complete in [false, true] {
            let mut new = Draft::create(draft.clone(), true, &drafts).unwrap();
            new.write_all(&vec![b'x'; SYNC_EVERY + 1]).unwrap();
            assert!(!drafts.is_empty());
            if complete {
                new.sync().unwrap();
                new.install(&target).unwrap();
            } else {
                drop(new);
                assert_eq!(fs::read(&target).unwrap(), b"old");
            }
            assert!(!draft.exists() && drafts.is_empty());
        }
        assert_eq!(fs::metadata(&target).unwrap().len(), SYNC_EVERY as u64 + 1);
    }

    #[test]
    fn errors_tell_the_step() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            Draft::create("/no/such/folder/x".into(), false, &Drafts::default()),
            Err(SaveError::Open(..))
        ));
        let target = folder.path().join("dump.rdb");
        fs::create_dir(&target).unwrap();
        let draft = Draft::create(folder.path().join("temp-1.rdb"), false, &Drafts::default()).unwrap();
        assert!(matches!(draft.install(&target), Err(SaveError::Rename(..))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
