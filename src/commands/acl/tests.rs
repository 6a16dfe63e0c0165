//! ACL commands in process.
