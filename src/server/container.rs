//! The memory that a container leaves us: without `maxmemory` the system ends the server when it needs more.

use std::fs;
use std::path::Path;

use crate::observe::machine;

/// Where the system shows the groups of processes and their limits.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";
/// Hundredths of the limit that data may take; the rest is for connections, the allocator and a snapshot under way.
const SHARE: u64 = 75;

/// Logs a warning if there is a limit, with the line to set.
pub fn warn_of_its_limit() {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = limit(Path::new(CONTROL_GROUPS), &groups).filter(|limit| *limit < machine::memory_bytes());
    let Some(limit) = limit else { return };
    tracing::warn!(
        "WARNING Memory is limited to {limit} bytes by the control group of this process, and maxmemory is not set: \
         the system kills the server when it needs more. Suggested: maxmemory {}mb",
        (limit / 100 * SHARE) >> 20
    );
}

/// The least limit of memory, in bytes, of this process's control group and those around it, in version 2 or 1.
/// `groups` is what `/proc/self/cgroup` says.
fn limit(root: &Path, groups: &str) -> Option<u64> {
    groups.lines().filter_map(|line| limit_of(root, line)).min()
}

fn limit_of(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, group) = (fields.next()?, fields.next()?);
    let (hierarchy, file) = match controllers {
        "" => (root.to_owned(), "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (root.join("memory"), "memory.limit_in_bytes")
        }
        _ => return None,
    };
    // Within a container the path may be that of the machine outside: then the limit is found at the top.
    let group = hierarchy.join(group.trim_start_matches('/'));
    let around = group.ancestors().take_while(|path| path.starts_with(&hierarchy));
    // "max" is no number; so it is in version 1, but a huge one.
    around.filter_map(|path| fs::read_to_string(path.join(file)).ok()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_least_limit_on_the_way_up_holds() {
        let root =
            tree(&[("a/b/memory.max", "max\n"), ("a/memory.max", "314572800\n"), ("c/memory.max", "7\n")]);
        assert_eq!(limit(root.path(), "0::/a/b\n"), Some(314_572_800));
        assert_eq!(limit(root.path(), "0::/\n"), None);
        assert_eq!(limit(root.path(), "0::/../b\n"), None);
    }

    #[test]
    fn version_1_has_a_hierarchy_of_its_own() {
        let root = tree(&[
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/docker/x/memory.limit_in_bytes", "1000\n"),
        ]);
        let groups = "3:cpu,cpuacct:/docker/x\n2:hugetlb,memory:/docker/x\n0::/system\n";
        assert_eq!(limit(root.path(), groups), Some(1000));
        assert_eq!(limit(root.path(), "2:memory:/elsewhere\n"), Some(9_223_372_036_854_771_712));
        assert_eq!(limit(root.path(), "nonsense\n"), None);
    }

    #[test]
    fn the_top_of_a_container_counts() {
        let root = tree(&[("memory.max", "1000")]);
        assert_eq!(limit(root.path(), "0::/docker/of/the/machine"), Some(1000));
    }
}
