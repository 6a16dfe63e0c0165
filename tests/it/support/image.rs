//! The container image without a container engine: buildah builds the Dockerfile's last stage, as root. The stage
//! before, which compiles, is stood in for by the programs that tests/run has built. What is in the image runs in a
//! chroot with mounts of its own and the capabilities that engines leave to root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use serde_json::Value;
use tempfile::TempDir;

use super::{Finished, program, project_dir, run};

/// Where `tests/run` puts the image's programs, in place of the stage that compiles.
const PROGRAMS: &str = "target/static";
/// What root may do in a container of Docker's.
const CAPABILITIES: &str = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,\
                            +net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";
/// Makes the mounts of a container, pairs of source and place, and goes on as the words behind them.
const ENTER: &str = r#"
    set -e
    root=$1 count=$2
    shift 2
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    cp /etc/hosts /etc/resolv.conf "$root/etc/"
    while [ "$count" -gt 0 ]; do
        if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root${2%/*}" && touch "$root$2"; fi
        mount --bind "$1" "$root$2"
        count=$((count - 1))
        shift 2
    done
    exec "$@"
"#;

/// The instructions of the Dockerfile's last stage, each with its arguments.
pub fn last_stage() -> Vec<(String, String)> {
    let text = fs::read_to_string(project_dir().join("Dockerfile")).expect("there is a Dockerfile");
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let stage: Vec<_> = lines.filter_map(|line| line.split_once(' ')).collect();
    let start = stage.iter().rposition(|(name, _)| *name == "FROM").expect("a stage begins with FROM");
    stage[start..].iter().map(|(name, rest)| ((*name).to_owned(), rest.trim().to_owned())).collect()
}

/// The built image, in a storage of its own.
pub struct Image {
    storage: TempDir,
    /// What the image says of itself, as `docker inspect` shows under `Config`.
    pub config: Value,
}

impl Image {
    /// The image; tests that run at the same time share one.
    pub fn shared() -> Arc<Image> {
        static LAST: Mutex<Weak<Image>> = Mutex::new(Weak::new());
        let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        last.upgrade().unwrap_or_else(|| {
            let image = Arc::new(Image::build());
            *last = Arc::downgrade(&image);
            image
        })
    }

    fn build() -> Image {
        let context = tempfile::tempdir().expect("temporary folders can be made");
        let mut dockerfile = "FROM scratch AS build\nCOPY build /\n".to_owned();
        for (instruction, rest) in last_stage() {
            dockerfile += &format!("{instruction} {rest}\n");
            if instruction == "COPY" {
                provide(context.path(), &rest);
            }
        }
        fs::write(context.path().join("Dockerfile"), dockerfile).expect("written");
        let storage = tempfile::tempdir().expect("temporary folders can be made");
        let mut image = Image { storage, config: Value::Null };
        image.build_from(context.path());
        let about = run(image.buildah().args(["inspect", "--type", "image", "redstart"])).success();
        let about: Value = serde_json::from_str(&about).expect("JSON");
        image.config = about["Docker"]["config"].clone();
        image
    }

    fn build_from(&self, context: &Path) {
        loop {
            let mut build = self.buildah();
            build.args(["build", "--isolation", "chroot", "--format", "docker", "--tag", "redstart"]);
            let built = run(build.arg(context));
            // On a busy machine now and then a start of buildah's own fails so, whatever it is to run.
            if built.code == Some(0) || !built.stderr.contains("sealing memfd copy") {
                built.success();
                return;
            }
        }
    }

    /// Bytes of the image when it is unpacked.
    pub fn size(&self) -> u64 {
        let folder = self.storage.path().join("root/vfs-images/images.json");
        let images: Value =
            serde_json::from_slice(&fs::read(folder).expect("buildah lists images")).expect("JSON");
        let names = |image: &Value| image["names"].to_string().contains("redstart");
        let image =
            images.as_array().expect("a list").iter().find(|image| names(image)).expect("ours is there");
        let top = image["layer"].as_str().expect("it has files");
        size_of(&self.storage.path().join("root/vfs/dir").join(top))
    }

    fn buildah(&self) -> Command {
        let mut command = program("buildah");
        command.arg("--root").arg(self.storage.path().join("root"));
        command.arg("--runroot").arg(self.storage.path().join("run"));
        command.args(["--storage-driver", "vfs"]).env("TMPDIR", self.storage.path());
        command
    }

    /// The words that an instruction in JSON left: `ENTRYPOINT`, `CMD`.
    fn words(&self, name: &str) -> Vec<String> {
        let words = self.config[name].as_array().expect("a list").iter();
        words.map(|word| word.as_str().expect("a text").to_owned()).collect()
    }
}

/// Lays what a COPY takes into the folder of the build.
fn provide(context: &Path, arguments: &str) {
    let (from_build, arguments) = match arguments.strip_prefix("--from=build ") {
        Some(rest) => (true, rest),
        None => (false, arguments),
    };
    let (sources, _) = arguments.rsplit_once(' ').expect("COPY SOURCE... PLACE");
    for source in sources.split_whitespace() {
        let (from, to) = match source.strip_prefix("/programs/") {
            Some(name) => {
                (project_dir().join(PROGRAMS).join(name), context.join("build/programs").join(name))
            }
            None if source == "/bin/busybox" => (busybox(), context.join("build/bin/busybox")),
            None if from_build => (PathBuf::from(source), context.join("build").join(&source[1..])),
            None => (project_dir().join(source), context.join(source)),
        };
        assert!(from.exists(), "no {}: tests/run makes it", from.display());
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        run(Command::new("cp").arg("-rH").args([&from, &to])).success();
    }
}

/// The static one that tests/run has unpacked.
fn busybox() -> PathBuf {
    project_dir().join("target/test-tools/bin/busybox")
}

fn size_of(path: &Path) -> u64 {
    let about = fs::symlink_metadata(path).expect("it is there");
    if !about.is_dir() {
        return about.len();
    }
    fs::read_dir(path).expect("a folder").map(|entry| size_of(&entry.expect("an entry").path())).sum()
}

/// A container: its own copy of the image's files, a volume for /data, and what is asked for with `docker run`.
pub struct Container {
    image: Arc<Image>,
    name: String,
    root: String,
    /// What lies in /data.
    pub data: Arc<TempDir>,
    mounts: Vec<(String, String)>,
    environment: Vec<String>,
    user: Option<String>,
}

impl Container {
    /// With a new volume.
    pub fn new() -> Container {
        let data = tempfile::tempdir().expect("temporary folders can be made");
        // It gets the owner that the folder has in the image.
        std::os::unix::fs::chown(data.path(), Some(999), Some(1000)).expect("the tests run as root");
        Container::with(Arc::new(data))
    }

    /// With the volume of another.
    pub fn with(data: Arc<TempDir>) -> Container {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let image = Image::shared();
        let name = format!("redstart-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        run(image.buildah().args(["from", "--name", &name, "redstart"])).success();
        let root = run(image.buildah().args(["mount", &name])).success().trim().to_owned();
        let mounts = vec![(data.path().display().to_string(), "/data".to_owned())];
        let environment = image.words("Env");
        Container { image, name, root, data, mounts, environment, user: None }
    }

    /// Mounts a file or folder: `docker run --volume`.
    pub fn mount(&mut self, outside: &Path, inside: &str) {
        self.mounts.push((outside.display().to_string(), inside.to_owned()));
    }

    /// Sets a variable: `docker run --env`.
    pub fn env(&mut self, name: &str, value: &str) {
        self.environment.push(format!("{name}={value}"));
    }

    /// Starts as somebody else than root: `docker run --user UID:GID`.
    pub fn user(&mut self, user: &str) {
        self.user = Some(user.to_owned());
    }

    /// What `docker run IMAGE arguments` starts; without arguments it is CMD.
    pub fn start<A: AsRef<str>>(&self, arguments: &[A]) -> Command {
        let mut words = self.image.words("Entrypoint");
        if arguments.is_empty() {
            words.extend(self.image.words("Cmd"));
        }
        words.extend(arguments.iter().map(|argument| argument.as_ref().to_owned()));
        self.exec(&words)
    }

    /// What `docker exec CONTAINER arguments` starts. The process becomes that of the arguments.
    pub fn exec<A: AsRef<str>>(&self, arguments: &[A]) -> Command {
        let path = |name: &str| program(name).get_program().to_string_lossy().into_owned();
        let mut command = program("unshare");
        command.args(["--mount", "sh", "-c", ENTER, "enter", &self.root, &self.mounts.len().to_string()]);
        command.args(self.mounts.iter().flat_map(|(outside, inside)| [outside, inside]));
        command.args([
            path("setpriv"),
            format!("--bounding-set={CAPABILITIES}"),
            path("env"),
            "-i".to_owned(),
        ]);
        command.args(&self.environment).arg(path("nsenter"));
        let folder = self.image.config["WorkingDir"].as_str().expect("a path");
        command.args([format!("--root={}", self.root), format!("--wd={}{folder}", self.root)]);
        if let Some((uid, gid)) = self.user.as_ref().and_then(|user| user.split_once(':')) {
            command.args([format!("--setuid={uid}"), format!("--setgid={gid}")]);
        }
        command.arg("--").args(arguments.iter().map(AsRef::as_ref));
        command
    }

    /// The health check of the image, with its ports replaced by those in use.
    pub fn check_health(&self, port: u16, metrics_port: u16) -> Finished {
        let check = self.image.config["Healthcheck"]["Test"].as_array().expect("there is a health check");
        assert_eq!(check[0], "CMD-SHELL");
        let script = check[1].as_str().expect("a script").replace("9121", &metrics_port.to_string());
        run(&mut self.exec(&["sh", "-c", &script.replace("redis-cli", &format!("redis-cli -p {port}"))]))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // The storage goes with the image anyway; this only makes room sooner.
        run(self.image.buildah().args(["rm", &self.name]));
    }
}
