//! The folder of the append only file: naming, opening and removing its files, and keeping its manifest.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::manifest::{Manifest, ManifestError};

/// Where the log is; relative to the working folder, as Redis has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// `appenddirname`.
    dir: PathBuf,
    /// `appendfilename`: how names begin.
    pub prefix: String,
}

/// Why there is no manifest to work with.
#[derive(Debug)]
pub enum OpenError {
    /// It can't be read.
    Io(PathBuf, io::Error),
    /// It isn't as it must be.
    Manifest(ManifestError),
}

impl Folder {
    /// The folder that the settings name.
    pub fn new(dir: &Path, prefix: &Path) -> Folder {
        Folder { dir: dir.to_owned(), prefix: prefix.to_string_lossy().into_owned() }
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Its own path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the folder if it isn't there.
    ///
    /// # Errors
    /// The system's.
    pub fn create(&self) -> io::Result<()> {
        match fs::create_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && self.dir.is_dir() => Ok(()),
            made => made,
        }
    }

    fn manifest_path(&self) -> PathBuf {
        self.path(&format!("{}.manifest", self.prefix))
    }

    /// Reads the manifest; an empty one if there is none.
    ///
    /// # Errors
    /// It can't be read, or says something else than files.
    pub fn read_manifest(&self) -> Result<Manifest, OpenError> {
        let path = self.manifest_path();
        match fs::read(&path) {
            Ok(text) => Manifest::parse(&text).map_err(OpenError::Manifest),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Manifest::default()),
            Err(error) => Err(OpenError::Io(path, error)),
        }
    }

    /// Writes the manifest: when it returns, whoever starts after a crash finds it.
    ///
    /// # Errors
    /// The system's, or that it couldn't be read again; the old one is still there, unless it is the folder that can't
    /// be synced.
    pub fn write_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let path = self.manifest_path();
        let text = manifest.to_string();
        if !text.is_empty() {
            Manifest::parse(text.as_bytes())
                .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        }
        let temporary = self.path(&format!("temp-{}.manifest", self.prefix));
        let mut file = create_empty(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        self.sync()
    }

    /// Removes a file that was made for a manifest that could not be written, unless that is the one that is there.
    pub fn remove_unnamed(&self, name: &str) {
        let named = match self.read_manifest() {
            Ok(manifest) => manifest.parts().any(|part| part.name == name),
            Err(_) => true,
        };
        if !named {
            // One too many does no harm: its number is used again.
            let _ = fs::remove_file(self.path(name));
        }
    }

    /// Has the names of the folder on disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Opens a file for appending, an empty one if it isn't there; with its length.
    ///
    /// # Errors
    /// The system's.
    pub fn open(&self, name: &str) -> io::Result<(File, u64)> {
        let file = OpenOptions::new().append(true).create(true).mode(0o644).open(self.path(name))?;
        let len = file.metadata()?.len();
        Ok((file, len))
    }

    /// Makes an empty file for appending, whatever it held before.
    ///
    /// # Errors
    /// The system's.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        let path = self.path(name);
        // Whoever still writes to the old one must not write to this one.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(self.open(name)?.0)
    }

    /// The length of a file.
    ///
    /// # Errors
    /// The system's.
    pub fn len(&self, name: &str) -> io::Result<u64> {
        fs::metadata(self.path(name)).map(|metadata| metadata.len())
    }

    /// Removes what is history from the folder and from the manifest.
    pub fn remove_history(&self, manifest: &mut Manifest) {
        if manifest.history.is_empty() {
            return;
        }
        for part in manifest.history.drain(..) {
            tracing::info!("Removing the history file {} in the background", part.name);
            if let Err(error) = fs::remove_file(self.path(&part.name)) {
                tracing::warn!("Can't remove the history file {}: {error}", part.name);
            }
        }
        if let Err(error) = self.write_manifest(manifest) {
            tracing::warn!("Can't write the AOF manifest: {error}");
        }
    }

    /// Takes over the single file of an old server, if there is one and no newer log: it becomes the base.
    ///
    /// # Errors
    /// The system's. Whatever has been done by then, the next start goes on with it.
    pub fn upgrade(&self, manifest: &mut Manifest) -> io::Result<()> {
        let old = Path::new(&self.prefix);
        if !old.is_file() {
            return Ok(());
        }
        let moving = manifest.increments.is_empty()
            && manifest.base.as_ref().is_some_and(|base| base.name == self.prefix)
            && !self.path(&self.prefix).exists();
        if !manifest.is_empty() && !moving {
            return Ok(());
        }
        self.create()?;
        manifest.adopt(&self.prefix);
        self.write_manifest(manifest)?;
        fs::rename(old, self.path(&self.prefix))?;
        self.sync()?;
        tracing::info!(
            "Successfully migrated an old-style AOF file ({}) into the AOF directory ({}).",
            self.prefix,
            self.dir.display()
        );
        Ok(())
    }

    /// Keeps the bytes of a file from an offset on in a file of their own beside it, and cuts them off.
    ///
    /// # Errors
    /// The system's; the bytes are still in one of the two.
    pub fn cut(&self, name: &str, good: u64) -> io::Result<PathBuf> {
        let path = self.path(name);
        let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
        let aside = self.unused(&format!("{name}.damaged-at-{good}"));
        file.seek(SeekFrom::Start(good))?;
        let mut copy = create_empty(&aside)?;
        io::copy(&mut file, &mut copy)?;
        copy.sync_all()?;
        file.set_len(good)?;
        file.sync_all()?;
        self.sync()?;
        Ok(aside)
    }

    /// The path of a file that isn't there: this name, with a number behind it if need be.
    fn unused(&self, name: &str) -> PathBuf {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut paths = std::iter::once(name.to_owned()).chain(numbered).map(|name| self.path(&name));
        paths.find(|path| !path.exists()).expect("there are numbers enough")
    }
}

/// Opens a file for writing that has nothing in it, or nothing any more.
fn create_empty(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(&dir.path().join("aof"), Path::new("a"));
        folder.create().unwrap();
        folder.create().unwrap();
        (dir, folder)
    }

    #[test]
    fn the_manifest_is_there_when_it_is_written_and_history_goes() {
        let (_dir, folder) = folder();
        let mut manifest = folder.read_manifest().unwrap();
        assert!(manifest.is_empty());
        let old = manifest.add_base("a", true);
        folder.create_file(&old).unwrap();
        manifest.add_base("a", true);
        folder.write_manifest(&manifest).unwrap();
        assert_eq!(folder.read_manifest().unwrap(), manifest);
        folder.remove_history(&mut manifest);
        assert!(!folder.path(&old).exists() && folder.read_manifest().unwrap().history.is_empty());
        fs::write(folder.path("a.manifest"), "").unwrap();
        assert!(matches!(folder.read_manifest(), Err(OpenError::Manifest(_))));
    }

    #[test]
    fn a_manifest_that_could_not_be_read_is_not_written() {
        let (_dir, folder) = folder();
        let mut manifest = Manifest::default();
        manifest.add_base("a", true);
        folder.write_manifest(&manifest).unwrap();
        let good = manifest.clone();
        // Each of these takes four bytes when it is written.
        manifest.add_increment(&"\x01".repeat(250));
        assert!(folder.write_manifest(&manifest).is_err());
        assert_eq!(folder.read_manifest().unwrap(), good);
    }

    #[test]
    fn what_is_cut_off_is_kept() {
        let (_dir, folder) = folder();
        folder.create_file("x").unwrap().write_all(b"good bad").unwrap();
        let aside = folder.cut("x", 5).unwrap();
        assert_eq!(fs::read(folder.path("x")).unwrap(), b"good ");
        assert_eq!(fs::read(&aside).unwrap(), b"bad");
        // It may happen twice at one place.
        fs::write(folder.path("x"), "good too").unwrap();
        let second = folder.cut("x", 5).unwrap();
        assert_eq!((fs::read(aside).unwrap(), fs::read(second).unwrap()), (b"bad".into(), b"too".into()));
    }

    #[test]
    fn what_the_manifest_names_is_not_removed() {
        let (_dir, folder) = folder();
        let mut manifest = Manifest::default();
        let named = manifest.add_base("a", true);
        folder.write_manifest(&manifest).unwrap();
        let unnamed = manifest.add_base("a", true);
        for name in [&named, &unnamed] {
            folder.create_file(name).unwrap();
            folder.remove_unnamed(name);
        }
        assert!(folder.path(&named).exists() && !folder.path(&unnamed).exists());
    }
}
