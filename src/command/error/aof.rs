//! What is wrong with the append only file.

use super::Error;
use crate::config::errors::os_text;

texts! {
    /// BGREWRITEAOF while a rewrite is under way.
    AOF_REWRITE_IN_PROGRESS = "ERR Background append only file rewriting already in progress";
    /// BGREWRITEAOF when it can't be begun.
    AOF_REWRITE_IMPOSSIBLE = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.";
    /// DEBUG LOADAOF of files that are damaged.
    LOADAOF_FAILED = "ERR Error trying to load the AOF files, check server logs.";
    /// DEBUG LOADAOF in a transaction: what is loaded takes the gate.
    LOADAOF_NESTED = "ERR DEBUG LOADAOF isn't possible in a transaction";
}

/// `MISCONF Errors writing to the AOF file: x`.
pub fn aof_writes_fail(why: &std::io::Error) -> Error {
    Error::new(format!("MISCONF Errors writing to the AOF file: {}", os_text(why)))
}
