//! A place where a runbook is followed to the letter: a network of its own, so that ports are those of the runbook,
//! names of its own for addresses, and stand-ins for the programs around the server.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{
    Background, Finished, kill_by_environment, program, project_dir, run, run_with_stdin, server_binary,
    wait_until,
};

/// Programs that `engine.sh` stands in for.
const ENGINE: [&str; 4] = ["docker", "pnpm", "systemctl", "sudo"];

/// The place; what runs in it ends with it.
pub struct Place {
    /// Keeps the namespaces of network and mounts.
    holder: Background,
    folder: TempDir,
}

impl Place {
    /// A place with this `redis-cli` where the names stand for addresses of the loopback network.
    pub fn new(cli: &Path, names: &[(&str, &str)]) -> Place {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let path = |name: &str| folder.path().join(name);
        for name in ["bin", "services", "scripts", "work"] {
            fs::create_dir(path(name)).expect("made");
        }
        let mut hosts = "127.0.0.1 localhost\n".to_owned();
        for (name, address) in names {
            writeln!(hosts, "{address} {name}").expect("memory can be written");
        }
        fs::write(path("hosts"), hosts).expect("written");
        symlink(cli, path("bin/redis-cli")).expect("a link");
        symlink(server_binary(), path("bin/redis-server")).expect("a link");
        for name in ENGINE {
            symlink(project_dir().join("tests/it/seeds/engine.sh"), path("bin").join(name)).expect("a link");
        }
        let busybox = program("busybox").get_program().to_string_lossy().into_owned();
        let script = format!(
            "{busybox} ip link set lo up && mount --bind hosts /etc/hosts && touch made && exec sleep 3600"
        );
        let mut unshare = program("unshare");
        unshare.args(["--net", "--mount", "sh", "-c", &script]).current_dir(folder.path());
        let holder = Background::start(&mut unshare);
        wait_until("made (as root?)", || path("made").exists());
        Place { holder, folder }
    }

    /// A path in the folder of this place: `work` is where commands run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program, run here.
    pub fn command(&self, program_name: &str) -> Command {
        let mut command = program("nsenter");
        let (bin, work) = (self.path("bin"), self.path("work"));
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("PATH is set"));
        command.arg(format!("--target={}", self.holder.id())).args(["--net", "--mount"]);
        command.arg(format!("--wd={}", work.display())).arg("--").arg(program_name);
        command.env("PATH", path).env("SERVICES", self.path("services")).env_remove("REDISCLI_AUTH");
        command
    }

    /// A line of a runbook, as bash takes it.
    pub fn line(&self, line: &str) -> Finished {
        run(self.command("bash").args(["-c", line]))
    }

    /// What a line of a runbook prints; it must succeed.
    #[track_caller]
    pub fn says(&self, line: &str) -> String {
        let done = self.line(line);
        assert_eq!(done.code, Some(0), "{line}: {done:#?}");
        done.stdout
    }

    /// Follows a line that goes on until it is interrupted, while `meanwhile` happens, until its output has `text`.
    #[track_caller]
    pub fn follows(&self, line: &str, text: &str, mut meanwhile: impl FnMut()) -> String {
        let output = tempfile::NamedTempFile::new().expect("temporary files can be made");
        let script = format!("exec stdbuf -oL {line} >{} 2>&1", output.path().display());
        let _follower = Background::start(self.command("bash").args(["-c", &script]));
        let mut found = String::new();
        wait_until(&format!("{line}: {text}"), || {
            meanwhile();
            found = fs::read_to_string(output.path()).expect("there");
            found.contains(text)
        });
        found
    }

    /// A service of `engine.sh`, by two shell scripts: what becomes its process, and what runs a command beside it,
    /// which is in `"$@"`. Starts it and waits until it is ready.
    pub fn service(&self, name: &str, start: &str, exec: &str) {
        let folder = self.path("services").join(name);
        fs::create_dir(&folder).expect("made");
        for (file, script) in [("start", start), ("exec", exec)] {
            executable(&folder.join(file), script);
        }
        self.says(&format!("docker up {name}"));
        self.wait_until_ready(name, 1);
    }

    /// A service that is the plain server with these arguments, in a folder of its own.
    pub fn plain_service(&self, name: &str, address: &str, arguments: &str) {
        let data =
            tempfile::Builder::new().prefix("data").tempdir_in(self.folder.path()).expect("made").keep();
        let start = format!("exec redis-server --bind {address} --dir {} {arguments}", data.display());
        // Within its container it is at localhost.
        let exec = format!("program=$1; shift; exec $program -h {address} \"$@\"");
        self.service(name, &start, &exec);
    }

    /// Waits until a service has said so many times that it is ready.
    pub fn wait_until_ready(&self, name: &str, times: usize) {
        let log = self.path("services").join(name).join("log");
        let text = || fs::read_to_string(&log).unwrap_or_default();
        wait_until(&format!("{name} ready"), || {
            text().matches("Ready to accept connections").count() >= times
        });
    }

    /// A script of the application.
    pub fn script(&self, name: &str, script: &str) {
        executable(&self.path("scripts").join(name), script);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Services were started by a shell that has ended; they carry the name of their folder.
        let mark = format!("SERVICES={}", self.path("services").display());
        kill_by_environment(&mark);
    }
}

/// Not written by this process: a child that is being started meanwhile would have it open for writing, and what
/// somebody may write can't be run.
fn executable(path: &Path, script: &str) {
    let mut writer = program("sh");
    writer.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(path);
    run_with_stdin(&mut writer, format!("#!/bin/sh\n{script}\n").as_bytes()).success();
}
