//! The first line of a script: `#!lua flags=no-writes,allow-oom`.

bitflags::bitflags! {
    /// What a script promises or asks for.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct ScriptFlags: u8 {
        /// It only reads.
        const NO_WRITES = 1;
        /// It may run when memory is used up.
        const ALLOW_OOM = 1 << 1;
        /// It may run on a replica with old data.
        const ALLOW_STALE = 1 << 2;
        /// It doesn't run in a cluster.
        const NO_CLUSTER = 1 << 3;
        /// Its keys may be of several slots.
        const ALLOW_CROSS_SLOT_KEYS = 1 << 4;
        /// It has no first line of this kind: checks happen command by command.
        const COMPAT = 1 << 5;
    }
}

const NAMES: [(&[u8], ScriptFlags); 5] = [
    (b"no-writes", ScriptFlags::NO_WRITES),
    (b"allow-oom", ScriptFlags::ALLOW_OOM),
    (b"allow-stale", ScriptFlags::ALLOW_STALE),
    (b"no-cluster", ScriptFlags::NO_CLUSTER),
    (b"allow-cross-slot-keys", ScriptFlags::ALLOW_CROSS_SLOT_KEYS),
];

/// A flag by its name.
pub fn flag(name: &[u8]) -> Option<ScriptFlags> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag)
}

impl ScriptFlags {
    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = NAMES.iter().filter(move |(_, flag)| self.contains(*flag));
        set.map(|(name, _)| std::str::from_utf8(name).expect("ASCII"))
    }
}

/// What a script's first line promises; none if something is wrong with it.
pub fn promises(body: &[u8]) -> Option<ScriptFlags> {
    split(body).ok().map(|(flags, _)| flags)
}

/// The flags of a script and its code after the first line, whose line end stays so that lines keep their numbers.
///
/// # Errors
/// The text without a code.
pub fn split(body: &[u8]) -> Result<(ScriptFlags, &[u8]), Vec<u8>> {
    if !body.starts_with(b"#!") {
        return Ok((ScriptFlags::COMPAT, body));
    }
    let end = memchr::memchr(b'\n', body).ok_or("Invalid script shebang")?;
    let mut parts = body[..end].split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
    let engine = parts.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err([b"Unexpected engine in script shebang: ", engine].concat());
    }
    let mut flags = ScriptFlags::empty();
    for part in parts {
        let Some(names) = part.strip_prefix(b"flags=") else {
            return Err([b"Unknown lua shebang option: ", part].concat());
        };
        for name in names.split(|&byte| byte == b',').filter(|_| !names.is_empty()) {
            flags |= flag(name).ok_or_else(|| [b"Unexpected flag in script shebang: ", name].concat())?;
        }
    }
    Ok((flags, &body[end..]))
}

#[cfg(test)]
mod tests {
    use super::{ScriptFlags, split};

    #[test]
    fn flags_and_code() {
        assert_eq!(split(b"return 1"), Ok((ScriptFlags::COMPAT, &b"return 1"[..])));
        assert_eq!(split(b"#!lua\nx"), Ok((ScriptFlags::empty(), &b"\nx"[..])));
        let both = ScriptFlags::NO_WRITES | ScriptFlags::ALLOW_OOM;
        assert_eq!(split(b"#!lua flags=no-writes,allow-oom\n"), Ok((both, &b"\n"[..])));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let told = |body: &str| String::from_utf8(split(body.as_bytes()).expect_err(body)).expect("text");
        assert_eq!(told("#!lua"), "Invalid script shebang");
        assert_eq!(told("#!not-lua\n"), "Unexpected engine in script shebang: #!not-lua");
        assert_eq!(told("#!lua badger=1\n"), "Unknown lua shebang option: badger=1");
        assert_eq!(told("#!lua flags=x\n"), "Unexpected flag in script shebang: x");
    }
}
