//! The words in which spec rows are written: one glob import beside the handlers.

pub use super::keys::{Begin, Find, KeyFlags, KeySpec};
pub use super::spec::{Categories, Flags, Spec};

/// [`Flags::WRITE`]
pub const WRITE: Flags = Flags::WRITE;
/// [`Flags::READONLY`]
pub const READONLY: Flags = Flags::READONLY;
/// [`Flags::DENYOOM`]
pub const DENYOOM: Flags = Flags::DENYOOM;
/// [`Flags::ADMIN`]
pub const ADMIN: Flags = Flags::ADMIN;
/// [`Flags::NOSCRIPT`]
pub const NOSCRIPT: Flags = Flags::NOSCRIPT;
/// [`Flags::BLOCKING`]
pub const BLOCKING: Flags = Flags::BLOCKING;
/// [`Flags::LOADING`]
pub const LOADING: Flags = Flags::LOADING;
/// [`Flags::STALE`]
pub const STALE: Flags = Flags::STALE;
/// [`Flags::SKIP_MONITOR`]
pub const SKIP_MONITOR: Flags = Flags::SKIP_MONITOR;
/// [`Flags::SKIP_SLOWLOG`]
pub const SKIP_SLOWLOG: Flags = Flags::SKIP_SLOWLOG;
/// [`Flags::ASKING`]
pub const ASKING: Flags = Flags::ASKING;
/// [`Flags::FAST`]
pub const FAST: Flags = Flags::FAST;
/// [`Flags::NO_AUTH`]
pub const NO_AUTH: Flags = Flags::NO_AUTH;
/// [`Flags::MAY_REPLICATE`]
pub const MAY_REPLICATE: Flags = Flags::MAY_REPLICATE;
/// [`Flags::NO_MULTI`]
pub const NO_MULTI: Flags = Flags::NO_MULTI;
/// [`Flags::MOVABLEKEYS`]
pub const MOVABLEKEYS: Flags = Flags::MOVABLEKEYS;
/// [`Flags::ALLOW_BUSY`]
pub const ALLOW_BUSY: Flags = Flags::ALLOW_BUSY;
/// [`Flags::NO_ASYNC_LOADING`]
pub const NO_ASYNC_LOADING: Flags = Flags::NO_ASYNC_LOADING;
/// [`Flags::NO_MANDATORY_KEYS`]
pub const NO_MANDATORY_KEYS: Flags = Flags::NO_MANDATORY_KEYS;
/// [`Flags::PROTECTED`]
pub const PROTECTED: Flags = Flags::PROTECTED;
/// [`Flags::EXCLUSIVE`]
pub const EXCLUSIVE: Flags = Flags::EXCLUSIVE;
/// [`Flags::CROSS_PROTOCOL`]
pub const CROSS_PROTOCOL: Flags = Flags::CROSS_PROTOCOL;
/// [`Flags::IMMEDIATE`]
pub const IMMEDIATE: Flags = Flags::IMMEDIATE;
/// [`Flags::TRANSACTION`]
pub const TRANSACTION: Flags = Flags::TRANSACTION;
/// [`Flags::ALL_KEYS`]
pub const ALL_KEYS: Flags = Flags::ALL_KEYS;
/// [`Flags::SUBSCRIBER`]
pub const SUBSCRIBER: Flags = Flags::SUBSCRIBER;
/// [`Flags::KEEPS_CACHING`]
pub const KEEPS_CACHING: Flags = Flags::KEEPS_CACHING;
/// [`Flags::HEALTH`]
pub const HEALTH: Flags = Flags::HEALTH;
/// [`Flags::PUBSUB`]
pub const PUBSUB: Flags = Flags::PUBSUB;

/// [`KeyFlags::RO`]
pub const RO: KeyFlags = KeyFlags::RO;
/// [`KeyFlags::RW`]
pub const RW: KeyFlags = KeyFlags::RW;
/// [`KeyFlags::OW`]
pub const OW: KeyFlags = KeyFlags::OW;
/// [`KeyFlags::RM`]
pub const RM: KeyFlags = KeyFlags::RM;
/// [`KeyFlags::ACCESS`]
pub const ACCESS: KeyFlags = KeyFlags::ACCESS;
/// [`KeyFlags::UPDATE`]
pub const UPDATE: KeyFlags = KeyFlags::UPDATE;
/// [`KeyFlags::INSERT`]
pub const INSERT: KeyFlags = KeyFlags::INSERT;
/// [`KeyFlags::DELETE`]
pub const DELETE: KeyFlags = KeyFlags::DELETE;
/// [`KeyFlags::NOT_KEY`]
pub const NOT_KEY: KeyFlags = KeyFlags::NOT_KEY;
/// [`KeyFlags::INCOMPLETE`]
pub const INCOMPLETE: KeyFlags = KeyFlags::INCOMPLETE;
/// [`KeyFlags::VARIABLE_FLAGS`]
pub const VARIABLE_FLAGS: KeyFlags = KeyFlags::VARIABLE_FLAGS;
