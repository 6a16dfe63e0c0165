//! The runbooks of people who run Redis, our seeds, followed line by line: a file for each seed, a test for each part
//! of it. The lines are run by bash as they stand, with Debian's redis-cli and with ours, against services that
//! [`place`] starts. What can't be here is stood in for: docker, docker compose, pnpm and systemctl by `engine.sh`,
//! the application by `tests/clients/node/runbook.js`, a cluster for Helm charts by rendering them.
//!
//! What other tests cover is not repeated here:
//!
//! | seed, section | test |
//! |---|---|
//! | 001, 2 Grafana dashboards and alerts | `monitoring`: its panels, rules and queries by a real Prometheus |
//! | 002, `redis.conf` | `startup::the_redis_conf_of_seed_002_is_taken_as_it_stands` |
//! | 002, cases 1, 3, 4 and practices | `clients::ioredis_as_it_comes` and its neighbours |
//! | 002, metrics exposed, dashboard, alerts; 004, key metrics and alerts | `monitoring` |
//! | 002, size of the image | `image` |
//! | 003, prevention: alerts | `monitoring` |

mod place;
mod seed_000;
mod seed_001;
mod seed_002;
mod seed_003;
mod seed_004;

use std::path::{Path, PathBuf};

use crate::support::{program, project_dir};

/// Debian's redis-cli and ours.
fn with_each_redis_cli(walk: impl Fn(&Path)) {
    for cli in [debians_redis_cli(), PathBuf::from(env!("CARGO_BIN_EXE_redis-cli"))] {
        walk(&cli);
    }
}

fn debians_redis_cli() -> PathBuf {
    PathBuf::from(program("redis-cli").get_program())
}

/// A shell script that is a process of the application: `runbook.js` with these arguments.
fn application(arguments: &str) -> String {
    let folder = project_dir().join("tests/clients/node");
    let installed = folder.join("node_modules/.package-lock.json").is_file();
    assert!(installed, "the packages of {} are missing: tests/run installs them", folder.display());
    format!("{} {}/runbook.js {arguments}", program("node").get_program().display(), folder.display())
}
