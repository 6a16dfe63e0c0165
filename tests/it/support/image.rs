//! The container image without a container engine: buildah builds the Dockerfile's last stage and runs what is in it
//! in a chroot, as root. The stage before, which compiles, is stood in for by the programs that tests/run has built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use serde_json::Value;
use tempfile::TempDir;

use super::{Finished, kill_by_environment, program, project_dir, run};

/// Where `tests/run` puts the image's programs, in place of the stage that compiles.
const PROGRAMS: &str = "target/static";
/// The variable that marks what runs in a container, with the container's name.
const MARK: &str = "REDSTART_TEST_CONTAINER";

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
        let mut build = image.buildah();
        build.args(["build", "--isolation", "chroot", "--format", "docker", "--tag", "redstart"]);
        run(build.arg(context.path())).success();
        let about = run(image.buildah().args(["inspect", "--type", "image", "redstart"])).success();
        let about: Value = serde_json::from_str(&about).expect("JSON");
        image.config = about["Docker"]["config"].clone();
        image
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

fn busybox() -> PathBuf {
    PathBuf::from(program("busybox").get_program())
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
    /// What lies in /data.
    pub data: Arc<TempDir>,
    options: Vec<String>,
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
        let name = format!("redstart-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(image.buildah().args(["from", "--name", &name, "redstart"])).success();
        // Else buildah lays an empty volume over ours.
        run(image.buildah().args(["config", "--volume", "/data-", &name])).success();
        Container { image, name, data, options: Vec::new() }
    }

    /// Mounts a file or folder: `docker run --volume`.
    pub fn mount(&mut self, outside: &Path, inside: &str) {
        self.option("--volume", &format!("{}:{inside}", outside.display()));
    }

    /// Any option of `buildah run`, those of `docker run` among them: `--env`, `--user`.
    pub fn option(&mut self, name: &str, value: &str) {
        self.options.extend([name.to_owned(), value.to_owned()]);
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

    /// What `docker exec CONTAINER arguments` starts.
    pub fn exec<A: AsRef<str>>(&self, arguments: &[A]) -> Command {
        let mut command = self.image.buildah();
        command.args(["run", "--isolation", "chroot", "--env", &format!("{MARK}={}", self.name)]);
        command.arg("--volume").arg(format!("{}:/data", self.data.path().display()));
        command.args(&self.options).args([&self.name, "--"]);
        command.args(arguments.iter().map(AsRef::as_ref));
        command
    }

    /// The health check of the image, once its ports are replaced by those in use.
    pub fn check_health(&self, port: u16, metrics_port: u16) -> Finished {
        let check = self.image.config["Healthcheck"]["Test"].as_array().expect("there is a health check");
        assert_eq!(check[0], "CMD-SHELL");
        let script = check[1].as_str().expect("a script").replace("9121", &metrics_port.to_string());
        run(&mut self.exec(&["sh", "-c", &script.replace("redis-cli", &format!("redis-cli -p {port}"))]))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // buildah's own end leaves what it runs to itself.
        kill_by_environment(&format!("{MARK}={}", self.name));
        // The storage goes with the image anyway; this only makes room sooner.
        run(self.image.buildah().args(["rm", &self.name]));
    }
}
