//! Why writes, and scripts that may write, are refused for the state of the server.

use super::Error;

texts! {
    /// A write that has to be on replicas, of which there are too few.
    NO_REPLICAS = "NOREPLICAS Not enough good replicas to write.";
    /// A script that may write, while snapshots fail.
    SCRIPT_MISCONF = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts.";
    /// A script that may need memory, when there is none.
    SCRIPT_OOM = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";
}
