//! What COMMAND DOCS tells of the past of commands: how versions of Redis have changed them.

/// A version of Redis, and what it changed.
pub(super) type Change = (&'static str, &'static str);

const SEVERAL_ELEMENTS: &str = "Takes several elements.";
const SEVERAL_MEMBERS: &str = "Takes several members.";
const SECONDS: &str = "The timeout may be a fraction of a second.";
const CONDITIONS: &str = "The conditions `NX`, `XX`, `GT` and `LT`.";
const UNITS: &str = "Units may be written in upper case.";
const COUNT_ANY: &str = "`ANY` behind `COUNT`.";
const OPEN_ENDS: &str = "Ends with `(` are left out.";
const COUNT: &str = "An optional `count`.";
const WITHOUT_KEY: &str = "-2 where there is no key.";
const RESTORE: &[Change] = &[
    ("3.0.0", "`REPLACE` stores over a key that is there."),
    ("5.0.0", "`ABSTTL`: the time to live is a Unix time."),
    ("5.0.0", "`IDLETIME` and `FREQ` set what eviction looks at."),
];
const RADIUS: &[Change] = &[("6.2.0", COUNT_ANY), ("7.0.0", UNITS)];
const ASYNC: &[Change] = &[("4.0.0", "`ASYNC` frees in the background."), ("6.2.0", "`SYNC` frees at once.")];

/// Commands in alphabetical order.
const HISTORIES: &[(&str, &[Change])] = &[
    (
        "acl|getuser",
        &[
            ("6.2.0", "Tells patterns of channels."),
            ("7.0.0", "Tells selectors; patterns are told as rules instead of lists."),
        ],
    ),
    ("acl|log", &[("7.2.0", "Entries have a number and the times of their first and last event.")]),
    ("acl|setuser", &[("6.2.0", "Patterns of channels."), ("7.0.0", "Selectors, and rights by key.")]),
    ("auth", &[("6.0.0", "A user's name may precede the password.")]),
    ("bgsave", &[("3.2.2", "`SCHEDULE` waits until the append only file is rewritten.")]),
    ("bitcount", &[("7.0.0", "The range may count in `BYTE` or `BIT`.")]),
    ("bitpos", &[("7.0.0", "The range may count in `BYTE` or `BIT`.")]),
    ("blpop", &[("6.0.0", SECONDS)]),
    ("brpop", &[("6.0.0", SECONDS)]),
    ("brpoplpush", &[("6.0.0", SECONDS)]),
    ("bzpopmax", &[("6.0.0", SECONDS)]),
    ("bzpopmin", &[("6.0.0", SECONDS)]),
    (
        "client|kill",
        &[
            ("2.8.12", "Filters instead of an address."),
            ("2.8.12", "The filter `ID`."),
            ("3.2.0", "`TYPE` knows `master`."),
            ("5.0.0", "`TYPE` knows `replica`, which `slave` means too."),
            ("6.2.0", "The filter `LADDR`."),
            ("7.4.0", "The filter `MAXAGE`."),
        ],
    ),
    (
        "client|list",
        &[
            ("2.8.12", "The field `id`."),
            ("5.0.0", "Clients of one `TYPE`."),
            ("6.0.0", "The field `user`."),
            ("6.2.0", "The fields `argv-mem`, `tot-mem`, `laddr` and `redir`; clients by `ID`."),
            ("7.0.0", "The fields `resp`, `multi-mem`, `rbs` and `rbp`."),
            ("7.0.3", "The field `ssub`."),
        ],
    ),
    ("client|pause", &[("6.2.0", "A mode: `WRITE` lets readers go on.")]),
    ("cluster|meet", &[("4.0.0", "The port of the other's bus may be named.")]),
    (
        "cluster|slots",
        &[("4.0.0", "Tells the nodes' IDs."), ("7.0.0", "Tells other ways to reach the nodes.")],
    ),
    ("command|info", &[("7.0.0", "Without names it tells of all commands.")]),
    ("config|get", &[("7.0.0", "Takes several patterns.")]),
    ("config|set", &[("7.0.0", "Sets several directives, all or none.")]),
    ("exists", &[("3.0.3", "Takes several keys.")]),
    ("expire", &[("7.0.0", CONDITIONS)]),
    ("expireat", &[("7.0.0", CONDITIONS)]),
    ("flushall", ASYNC),
    ("flushdb", ASYNC),
    ("geoadd", &[("6.2.0", "`CH`, and the conditions `NX` and `XX`.")]),
    ("georadius", RADIUS),
    ("georadius_ro", RADIUS),
    ("georadiusbymember", RADIUS),
    ("georadiusbymember_ro", RADIUS),
    ("geosearch", &[("7.0.0", UNITS)]),
    ("geosearchstore", &[("7.0.0", UNITS)]),
    ("hdel", &[("2.4.0", "Takes several fields.")]),
    ("hello", &[("6.2.0", "Without a version it tells of the connection as it is.")]),
    ("hset", &[("4.0.0", "Sets several fields.")]),
    ("info", &[("7.0.0", "Takes several sections.")]),
    ("lpop", &[("6.2.0", COUNT)]),
    ("lpush", &[("2.4.0", SEVERAL_ELEMENTS)]),
    ("lpushx", &[("4.0.0", SEVERAL_ELEMENTS)]),
    (
        "migrate",
        &[
            ("3.0.0", "`COPY` leaves the keys here, `REPLACE` stores over those there."),
            ("3.0.6", "Several keys behind `KEYS`."),
            ("4.0.7", "A password behind `AUTH`."),
            ("6.0.0", "A user and a password behind `AUTH2`."),
        ],
    ),
    ("pexpire", &[("7.0.0", CONDITIONS)]),
    ("pexpireat", &[("7.0.0", CONDITIONS)]),
    ("pttl", &[("2.8.0", WITHOUT_KEY)]),
    ("renamenx", &[("3.2.0", "A key may be renamed to itself, which changes nothing.")]),
    ("restore", RESTORE),
    ("restore-asking", RESTORE),
    ("rpop", &[("6.2.0", COUNT)]),
    ("rpush", &[("2.4.0", SEVERAL_ELEMENTS)]),
    ("rpushx", &[("4.0.0", SEVERAL_ELEMENTS)]),
    ("sadd", &[("2.4.0", SEVERAL_MEMBERS)]),
    ("scan", &[("6.0.0", "Keys of one `TYPE`.")]),
    ("script|flush", &[("6.2.0", "`ASYNC` frees in the background, `SYNC` at once.")]),
    (
        "set",
        &[
            ("2.6.12", "Deadlines by `EX` and `PX`, the conditions `NX` and `XX`."),
            ("6.0.0", "`KEEPTTL` leaves the deadline."),
            ("6.2.0", "`GET` returns the old value; deadlines by `EXAT` and `PXAT`."),
            ("7.0.0", "`GET` goes together with `NX`."),
        ],
    ),
    ("shutdown", &[("7.0.0", "`NOW` and `FORCE` overrule what it waits for, `ABORT` takes it back.")]),
    ("slowlog|get", &[("4.0.0", "Tells the client's address and name.")]),
    ("spop", &[("3.2.0", COUNT)]),
    ("srandmember", &[("2.6.0", COUNT)]),
    ("srem", &[("2.4.0", SEVERAL_MEMBERS)]),
    ("ttl", &[("2.8.0", WITHOUT_KEY)]),
    (
        "xadd",
        &[
            ("6.2.0", "`NOMKSTREAM`; trims by `MINID` too, and `LIMIT` says how much at once."),
            ("7.0.0", "Of an ID only the sequence may be left open: `<ms>-*`."),
        ],
    ),
    ("xautoclaim", &[("7.0.0", "Returns the IDs that it dropped because their entries are deleted.")]),
    ("xgroup|create", &[("7.0.0", "`ENTRIESREAD` says how many entries the group has read.")]),
    ("xgroup|setid", &[("7.0.0", "`ENTRIESREAD` says how many entries the group has read.")]),
    (
        "xinfo|consumers",
        &[("7.2.0", "The field `inactive`; `idle` counts from the last try, even one in vain.")],
    ),
    ("xinfo|groups", &[("7.0.0", "The fields `entries-read` and `lag`.")]),
    (
        "xinfo|stream",
        &[
            ("6.0.0", "`FULL` tells all of it."),
            (
                "7.0.0",
                "The fields `max-deleted-entry-id`, `entries-added` and `recorded-first-entry-id`, and of groups \
                 `entries-read` and `lag`.",
            ),
            ("7.2.0", "The field `active-time` of consumers; `seen-time` is that of the last try."),
        ],
    ),
    ("xpending", &[("6.2.0", "Entries that are `IDLE` for so long; ends with `(` are left out.")]),
    ("xrange", &[("6.2.0", OPEN_ENDS)]),
    ("xrevrange", &[("6.2.0", OPEN_ENDS)]),
    ("xsetid", &[("7.0.0", "`ENTRIESADDED` and `MAXDELETEDID`.")]),
    ("xtrim", &[("6.2.0", "Trims by `MINID` too, and `LIMIT` says how much at once.")]),
    (
        "zadd",
        &[
            ("2.4.0", SEVERAL_MEMBERS),
            ("3.0.2", "The conditions `XX` and `NX`, `CH`, and `INCR`."),
            ("6.2.0", "The conditions `GT` and `LT`."),
        ],
    ),
    ("zrange", &[("6.2.0", "Ranges `BYSCORE` and `BYLEX`, backwards with `REV`, in part with `LIMIT`.")]),
    ("zrangebyscore", &[("2.0.0", "Scores with `WITHSCORES`.")]),
    ("zrank", &[("7.2.0", "The score with `WITHSCORE`.")]),
    ("zrem", &[("2.4.0", SEVERAL_MEMBERS)]),
    ("zrevrangebyscore", &[("2.1.6", OPEN_ENDS)]),
    ("zrevrank", &[("7.2.0", "The score with `WITHSCORE`.")]),
];

/// How a command has changed since it came, oldest first.
pub(super) fn of(name: &str) -> &'static [Change] {
    HISTORIES.binary_search_by_key(&name, |(name, _)| name).map_or(&[], |at| HISTORIES[at].1)
}
