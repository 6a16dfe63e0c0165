//! The codes with which items of a file begin.

/// Code of the number of keys of a hash slot, which only clusters need.
pub(super) const SLOT_INFO: u8 = 244;
/// Code of a library of functions.
pub(super) const FUNCTION: u8 = 245;
/// The same in release candidates of 7.0.
pub(super) const FUNCTION_PRE_GA: u8 = 246;
/// Code of a module's data beside the keys.
pub(super) const MODULE_AUX: u8 = 247;
/// Code of the next key's idle time in seconds.
pub(super) const IDLE: u8 = 248;
/// Code of the next key's access counter.
pub(super) const FREQUENCY: u8 = 249;
/// Code of a note by name.
pub(super) const AUX: u8 = 250;
/// Code of the number of keys of a database.
pub(super) const RESIZE: u8 = 251;
/// Code of the next key's deadline in Unix ms.
pub(super) const DEADLINE_MS: u8 = 252;
/// Code of the next key's deadline in Unix seconds.
pub(super) const DEADLINE_SECONDS: u8 = 253;
/// Code of the choice of a database.
pub(super) const SELECT: u8 = 254;
/// Code of the end.
pub(super) const END: u8 = 255;

/// How a value is encoded: the type codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    String = 0,
    List = 1,
    Set = 2,
    /// Scores as text.
    ZsetText = 3,
    Hash = 4,
    /// Scores as binary doubles.
    Zset = 5,
    ModulePreGa = 6,
    Module = 7,
    HashZipmap = 9,
    ListZiplist = 10,
    SetIntset = 11,
    ZsetZiplist = 12,
    HashZiplist = 13,
    /// Chunks that are ziplists.
    ListZiplists = 14,
    Stream1 = 15,
    HashListpack = 16,
    ZsetListpack = 17,
    /// Chunks that are listpacks or single elements.
    ListChunks = 18,
    /// With the first ID, the largest deleted ID and the number of entries ever added.
    Stream2 = 19,
    SetListpack = 20,
    /// With the time at which a consumer was last given something.
    Stream3 = 21,
    HashTimedPreGa = 22,
    HashTimedListpackPreGa = 23,
    /// With the deadlines of fields.
    HashTimed = 24,
    HashTimedListpack = 25,
}

impl Kind {
    const ALL: [Kind; 25] = [
        Kind::String,
        Kind::List,
        Kind::Set,
        Kind::ZsetText,
        Kind::Hash,
        Kind::Zset,
        Kind::ModulePreGa,
        Kind::Module,
        Kind::HashZipmap,
        Kind::ListZiplist,
        Kind::SetIntset,
        Kind::ZsetZiplist,
        Kind::HashZiplist,
        Kind::ListZiplists,
        Kind::Stream1,
        Kind::HashListpack,
        Kind::ZsetListpack,
        Kind::ListChunks,
        Kind::Stream2,
        Kind::SetListpack,
        Kind::Stream3,
        Kind::HashTimedPreGa,
        Kind::HashTimedListpackPreGa,
        Kind::HashTimed,
        Kind::HashTimedListpack,
    ];

    /// The name that Redis's tool has for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list-linked",
            Kind::Set => "set-hashtable",
            Kind::ZsetText => "zset-v1",
            Kind::Hash => "hash-hashtable",
            Kind::Zset => "zset-v2",
            Kind::ModulePreGa => "module-pre-release",
            Kind::Module => "module-value",
            Kind::HashZipmap => "hash-zipmap",
            Kind::ListZiplist => "list-ziplist",
            Kind::SetIntset => "set-intset",
            Kind::ZsetZiplist => "zset-ziplist",
            Kind::HashZiplist => "hash-ziplist",
            Kind::ListZiplists => "quicklist",
            Kind::Stream1 => "stream",
            Kind::HashListpack => "hash-listpack",
            Kind::ZsetListpack => "zset-listpack",
            Kind::ListChunks => "quicklist-v2",
            Kind::Stream2 => "stream-v2",
            Kind::SetListpack => "set-listpack",
            Kind::Stream3 => "stream-v3",
            Kind::HashTimedPreGa => "hash-hashtable-md-pre-release",
            Kind::HashTimedListpackPreGa => "hash-listpack-md-pre-release",
            Kind::HashTimed => "hash-hashtable-md",
            Kind::HashTimedListpack => "hash-listpack-md",
        }
    }

    /// The kind of a code.
    pub fn of(code: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|&kind| kind as u8 == code)
    }
}

/// Stands before a chunk of a list in [`Kind::ListChunks`] that is a single element.
pub(super) const CHUNK_PLAIN: u64 = 1;
/// Stands before one that is a listpack.
pub(super) const CHUNK_LISTPACK: u64 = 2;

/// The name of a module's type: nine letters of six bits, above ten bits of a version.
pub(super) fn module_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|at| char::from(LETTERS[(id >> (58 - 6 * at)) as usize & 63])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_code() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind as u8), Some(kind));
        }
        assert_eq!([8, 26, 200].map(Kind::of), [None; 3]);
    }

    #[test]
    fn module_names_are_unpacked() {
        // "ReJSON-RL", version 3, as RedisJSON writes it.
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let index = |letter| letters.iter().position(|&other| other == letter).expect("a letter") as u64;
        let id = b"ReJSON-RL".iter().fold(0, |id, &letter| id << 6 | index(letter)) << 10 | 3;
        assert_eq!(module_name(id), "ReJSON-RL");
    }
}
