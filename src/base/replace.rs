//! Replacing a file's content so that whoever reads it, even after a crash, finds the old or the new one whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Gives the file at `path`, which may not exist yet, this content. When it returns, the content is on disk.
///
/// The content goes to a new file beside the old one, which then takes its name. Where that can't be done, since
/// the file is a mount point (as in a container) or its folder may not be written, it is written in place.
///
/// # Errors
/// The system's, and the old content is still there; except in place, where a full disk may cut it.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match replace_by_rename(&path, content) {
        Err(error) if needs_writing_in_place(&error) && path.exists() => write_in_place(&path, content),
        done => done,
    }
}

fn needs_writing_in_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
    )
}

fn replace_by_rename(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path);
    let done = write_new(&temporary, path, content).and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        // The error that counts is the one above; it may well be that there is nothing to remove.
        let _ = fs::remove_file(&temporary);
    }
    done?;
    sync_folder(path)
}

/// In the same folder, so that renaming doesn't cross file systems.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(format!(".{}.{:08x}.tmp", std::process::id(), fastrand::u32(..)));
    path.with_file_name(name)
}

fn write_new(temporary: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(temporary)?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(fs::Permissions::from_mode(old.permissions().mode() & 0o777))?;
    }
    file.write_all(content)?;
    file.sync_all()
}

fn write_in_place(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

/// Makes sure that a new name in the folder of `path` outlives a crash.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_replaced_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        replace(&path, b"two, and longer").unwrap();
        replace(&path, b"3").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"3");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn in_place_a_shorter_content_leaves_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "a long content").unwrap();
        write_in_place(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert_eq!(replace(Path::new("/no/such/file"), b"").unwrap_err().kind(), ErrorKind::NotFound);
    }
}
