//! What is wrong with the append only file.

use super::Error;
use crate::config::errors::os_text;

texts! {
    /// BGREWRITEAOF or DEBUG LOADAOF while a rewrite is under way.
    AOF_REWRITE_IN_PROGRESS = "ERR Background append only file rewriting already in progress";
    /// BGREWRITEAOF when it can't be begun.
    AOF_REWRITE_IMPOSSIBLE = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.";
    /// DEBUG LOADAOF of files that are damaged.
    LOADAOF_FAILED = "ERR Error trying to load the AOF files, check server logs.";
    /// DEBUG LOADAOF in a transaction: what is loaded takes the gate.
    LOADAOF_NESTED = "ERR DEBUG LOADAOF isn't possible in a transaction";
}

/// `MISCONF Redis is configured to persist data to AOF ... AOF error: x`, of a script that may write.
pub fn script_on_failing_aof(why: &std::io::Error) -> Error {
    Error::new(format!(
        "MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. \
         Writable scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error: {}",
        os_text(why)
    ))
}

/// `MISCONF Errors writing to the AOF file: x`.
pub fn aof_writes_fail(why: &std::io::Error) -> Error {
    Error::new(format!("MISCONF Errors writing to the AOF file: {}", os_text(why)))
}
