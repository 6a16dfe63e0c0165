//! What surrounds the process: the background, its pid file, the supervisor.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;

use crate::config::{Process, Supervised};

/// Where the process number goes in the background if nothing else is said.
const DEFAULT_PID_FILE: &str = "/var/run/redis.pid";

/// Goes to the background if that is asked for: a child goes on, without terminal, in a session of its own. To be
/// called before there is a second thread, which would not come along.
///
/// # Errors
/// The system's.
pub fn go_to_background(settings: &Process) -> io::Result<()> {
    if !runs_in_background(settings) {
        return Ok(());
    }
    nix::unistd::daemon(true, false).map_err(io::Error::from)
}

/// A supervisor wants the process that it started.
fn runs_in_background(settings: &Process) -> bool {
    settings.daemonize && Supervisor::find(settings).is_none()
}

/// The file that holds the process number while the process runs.
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes it, if one is asked for. Failing to is only worth a line in the log, as in Redis.
    pub fn write(settings: &Process) -> Option<PidFile> {
        let default = || runs_in_background(settings).then(|| PathBuf::from(DEFAULT_PID_FILE));
        let path = settings.pidfile.clone().or_else(default)?;
        match fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Some(PidFile(path)),
            Err(error) => {
                tracing::warn!("Failed to write PID file: {}: {error}", path.display());
                None
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        tracing::info!("Removing the pid file.");
        // Somebody may have removed it.
        let _ = fs::remove_file(&self.0);
    }
}

/// systemd, when it wants to be told of readiness.
pub struct Supervisor {
    socket: PathBuf,
}

impl Supervisor {
    /// The supervisor that the settings and the environment name.
    pub fn find(settings: &Process) -> Option<Supervisor> {
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty());
        match settings.supervised {
            Supervised::Systemd | Supervised::Auto => {
                socket.map(|socket| Supervisor { socket: socket.into() })
            }
            Supervised::Upstart | Supervised::No => None,
        }
    }

    /// Tells it that the server is ready.
    pub fn tell_ready(&self) {
        if let Err(error) = self.send(b"STATUS=Ready to accept connections\nREADY=1\n") {
            tracing::warn!("Can't tell systemd that the server is ready: {error}");
        }
    }

    fn send(&self, message: &[u8]) -> io::Result<()> {
        // An @ stands for the zero byte that begins an abstract name.
        let address = match self.socket.as_os_str().as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&self.socket)?,
        };
        UnixDatagram::unbound()?.send_to_addr(message, &address).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn systemd_is_told_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("redstart-test-{}", std::process::id());
        let addresses = [
            (SocketAddr::from_pathname(&path).unwrap(), path),
            (SocketAddr::from_abstract_name(&name).unwrap(), PathBuf::from(format!("@{name}"))),
        ];
        for (address, socket) in addresses {
            let receiver = UnixDatagram::bind_addr(&address).unwrap();
            Supervisor { socket }.tell_ready();
            let mut message = [0; 100];
            let length = receiver.recv(&mut message).unwrap();
            assert!(message[..length].ends_with(b"\nREADY=1\n"));
        }
    }

    #[test]
    fn a_pid_file_is_there_as_long_as_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let mut config = Config::in_dir(folder.path());
        assert!(PidFile::write(&config.settings().process).is_none());
        config.load_text(format!("pidfile {}", path.display()).as_bytes()).unwrap();
        let file = PidFile::write(&config.settings().process);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(file);
        assert!(!path.exists());
    }
}
