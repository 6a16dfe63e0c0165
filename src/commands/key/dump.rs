//! DUMP and RESTORE: values as bytes, for other servers.
//!
//! A large value is encoded on a reference after unlocking. A long payload is decoded unlocked too; then the
//! key is looked at again, and the value put down at that instant.

use std::sync::atomic::Ordering;

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Lifted, Str, Value};
use crate::persist::rdb::{self, Limits, RestoreError};

use super::super::{Call, Command, DONE, Install, Next, Outcome};
use super::{GROUP, row};

/// Payloads of more bytes than this are decoded without locks, and strings encoded.
const LONG_PAYLOAD: usize = 16 << 10;

pub(super) const DUMP: Command = Command::new(
    row("dump", 2, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "2.6.0",
            "O(N) where N is the number of bytes of the value.",
            "Returns the value of a key in the form that RESTORE takes.",
        )
        .syntax("key"),
    dump,
);

const RESTORED: &[KeySpec] = &[KeySpec::at(1, &[OW, UPDATE])];

pub(super) const RESTORE: Command = Command::new(
    restoring("restore", &[WRITE, DENYOOM]).doc(
        GROUP,
        "2.6.0",
        "O(N log N) where N is the number of bytes of the payload.",
        "Makes a key of what DUMP returned.",
    ),
    restore,
);

pub(super) const RESTORE_ASKING: Command = Command::new(
    restoring("restore-asking", &[WRITE, DENYOOM, ASKING])
        .doc(
            "server",
            "3.0.0",
            "O(N log N) where N is the number of bytes of the payload.",
            "Makes a key of what DUMP returned, while its slot moves.",
        )
        .internal(),
    restore,
);

const fn restoring(name: &'static str, flags: &[Flags]) -> Spec {
    row(name, -4, flags, RESTORED).categories(&[Categories::KEYSPACE, Categories::DANGEROUS]).syntax(
        "key ttl:integer serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] [IDLETIME seconds:integer@5.0.0] \
         [FREQ frequency:integer@5.0.0]",
    )
}

fn dump(call: &mut Call<'_>) -> Outcome {
    let compress = call.settings().snapshots.compression;
    let Some(value) = call.keys.find(call.args[1], Access::Read).map(|entry| entry.share_value()) else {
        call.reply.null();
        return DONE;
    };
    if call.may_put_off() && is_slow_to_encode(&value) {
        return Ok(Next::Later(Box::new(move |reply| {
            reply.bulk(&rdb::dump(value, compress));
        })));
    }
    call.reply.bulk(&rdb::dump(value, compress));
    DONE
}

/// Whether encoding takes too long for a lock.
fn is_slow_to_encode(value: &Value) -> bool {
    match value {
        Value::Str(Str::Shared(bytes)) => bytes.len() > LONG_PAYLOAD,
        value => value.is_large(),
    }
}

/// The options of RESTORE.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
    /// As given: a deadline in Unix ms or a number of ms; 0 for none.
    ttl: i64,
}

impl Options {
    fn read(call: &Call<'_>) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut args = call.args_from(4);
        while !args.is_empty() {
            if args.word("REPLACE") {
                options.replace = true;
            } else if args.word("ABSTTL") {
                options.absolute = true;
            } else if args.len() > 1 && options.frequency.is_none() && args.word("IDLETIME") {
                options.idle_seconds = Some(args.int()?.try_into().map_err(|_| error::IDLETIME_NEGATIVE)?);
            } else if args.len() > 1 && options.idle_seconds.is_none() && args.word("FREQ") {
                options.frequency = Some(args.int()?.try_into().map_err(|_| error::FREQ_OUT_OF_RANGE)?);
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(options)
    }

    /// When the key is to expire, in Unix ms.
    fn deadline(&self, now: i64) -> Option<i64> {
        let origin = if self.absolute { 0 } else { now };
        (self.ttl > 0).then(|| self.ttl.saturating_add(origin))
    }
}

fn restore(call: &mut Call<'_>) -> Outcome {
    let mut options = Options::read(call)?;
    check_free(call, &options)?;
    options.ttl = args::int(call.args[2])?;
    if options.ttl < 0 {
        return Err(error::TTL_NEGATIVE);
    }
    let threshold = call.server.list_packed_threshold.load(Ordering::Relaxed);
    let limits = Limits::new(&call.settings().encodings, threshold);
    let checksum = !call.server.checksums_skipped.load(Ordering::Relaxed);
    let payload = call.args[3];
    if payload.len() > LONG_PAYLOAD && call.may_put_off() {
        let payload = payload.to_vec();
        return Ok(Next::Compute(Box::new(move || -> Install {
            let value = decode(&payload, &limits, checksum);
            Box::new(move |call| {
                if let Err(busy) = check_free(call, &options) {
                    // Nobody has it yet, and it may be large.
                    call.keys.effects.garbage.extend(value.ok());
                    return Err(busy);
                }
                install(call, &options, value?)
            })
        })));
    }
    install(call, &options, decode(payload, &limits, checksum)?)
}

/// Refuses a key that is there and not to be replaced.
fn check_free(call: &mut Call<'_>, options: &Options) -> Result<(), Error> {
    if !options.replace && call.keys.exists(call.args[1], Access::Write) {
        return Err(error::BUSY_KEY);
    }
    Ok(())
}

fn decode(payload: &[u8], limits: &Limits, checksum: bool) -> Result<Value, Error> {
    rdb::restore(payload, limits, checksum).map_err(|error| match error {
        RestoreError::Footer => error::PAYLOAD_FOOTER,
        RestoreError::Data(damage) => {
            tracing::warn!("RESTORE of a payload whose integrity check failed: {damage}");
            error::PAYLOAD_DATA
        }
    })
}

/// The journal gets a deadline instead of a time to live.
fn propagate_deadline(call: &mut Call<'_>, deadline: i64) {
    let mut at = IntText::new();
    let mut args = call.args.to_vec();
    args[2] = at.format(deadline).as_bytes();
    args.push(b"ABSTTL");
    call.keys.propagate_instead(&args);
}

fn install(call: &mut Call<'_>, options: &Options, value: Value) -> Outcome {
    let (key, now) = (call.args[1], call.keys.now());
    let deleted = options.replace && call.keys.delete(key);
    let deadline = options.deadline(call.keys.wall());
    if deadline.is_none_or(|at| at > now) {
        let clock = call.keys.clock().arrived(options.idle_seconds, options.frequency);
        call.keys.put_down(key, Lifted::new(value, deadline, clock));
        call.keys.changed(key, EventClasses::GENERIC, "restore");
        if let Some(at) = deadline.filter(|_| !options.absolute && call.keys.propagates()) {
            propagate_deadline(call, at);
        }
    } else {
        // It has expired already; what may be large is freed later.
        call.keys.effects.garbage.push(value);
        if deleted {
            call.keys.changed(key, EventClasses::GENERIC, "del");
            let verb: &[u8] = if call.settings().memory.lazyfree_server_del { b"UNLINK" } else { b"DEL" };
            call.keys.propagate_instead(&[verb, key]);
        }
    }
    call.reply.ok();
    DONE
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Rig;

    /// The payload of a key.
    fn dump(rig: &mut Rig, key: &str) -> Vec<u8> {
        let reply = rig.call(&[b"DUMP", key.as_bytes()]);
        let head = reply.iter().position(|&byte| byte == b'\n').expect("a bulk") + 1;
        reply[head..reply.len() - 2].to_vec()
    }

    /// The reply to RESTORE with the payload in third place.
    fn restore(rig: &mut Rig, key: &str, ttl: &str, payload: &[u8], options: &str) -> String {
        let mut args: Vec<&[u8]> = vec![b"RESTORE", key.as_bytes(), ttl.as_bytes(), payload];
        args.extend(options.split_terminator(' ').map(str::as_bytes));
        String::from_utf8(rig.call(&args)).expect("text").trim_end().to_owned()
    }

    fn listening() -> Rig {
        let mut rig = Rig::new();
        rig.set("notify-keyspace-events", "KEA");
        rig
    }

    #[test]
    fn values_come_back_under_another_name() {
        let mut rig = listening();
        rig.check(&[("RPUSH a x 2 y", ":3"), ("DUMP nope", "$-1")]);
        let payload = dump(&mut rig, "a");
        rig.events();
        rig.dirty();
        assert_eq!(restore(&mut rig, "b", "0", &payload, ""), "+OK");
        assert_eq!((rig.events(), rig.dirty()), (vec!["0 restore b".to_owned()], 1));
        rig.check(&[("LRANGE b 0 -1", "*3 $1 x $1 2 $1 y"), ("TTL b", ":-1")]);
        assert_eq!(restore(&mut rig, "c", "5000", &payload, ""), "+OK");
        rig.check(&[("PTTL c", ":5000")]);
        let at = (rig.now + 7000).to_string();
        assert_eq!(restore(&mut rig, "c", &at, &payload, "replace ABSTTL"), "+OK");
        rig.check(&[("PTTL c", ":7000")]);
    }

    #[test]
    fn checksums_may_be_skipped() {
        let mut rig = Rig::new();
        rig.run("RPUSH a x 2 y");
        let mut payload = dump(&mut rig, "a");
        *payload.last_mut().expect("a checksum") ^= 1;
        assert_eq!(
            restore(&mut rig, "b", "0", &payload, ""),
            "-ERR DUMP payload version or checksum are wrong"
        );
        rig.run("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
        assert_eq!(restore(&mut rig, "b", "0", &payload, ""), "+OK");
        // The value itself is checked nevertheless.
        payload[1] = 0xff;
        assert_eq!(restore(&mut rig, "c", "0", &payload, ""), "-ERR Bad data format");
    }

    #[test]
    fn long_payloads_are_decoded_unlocked() {
        let mut rig = listening();
        rig.put_list("long", 200_000);
        let payload = dump(&mut rig, "long");
        assert!(payload.len() < 20_000, "compressed");
        rig.set("rdbcompression", "no");
        let payload = dump(&mut rig, "long");
        assert!(payload.len() > 400_000);
        assert_eq!(restore(&mut rig, "again", "0", &payload, ""), "+OK");
        rig.check(&[("LLEN again", ":200000")]);
        let damaged = [&payload[..50], b"x", &payload[51..]].concat();
        assert_eq!(
            restore(&mut rig, "damaged", "0", &damaged, ""),
            "-ERR DUMP payload version or checksum are wrong"
        );
        let taken = "-BUSYKEY Target key name already exists.";
        let late = |rig: &mut Rig| drop(rig.run("SET late 1"));
        rig.effects.garbage.clear();
        let reply = rig.call_meanwhile(&[b"RESTORE", b"late", b"0", &payload], &mut { late });
        assert_eq!(String::from_utf8_lossy(&reply).trim_end(), taken);
        assert_eq!(rig.effects.garbage.len(), 1, "freed unlocked");
    }

    #[test]
    fn checks_come_in_order() {
        let mut rig = Rig::new();
        rig.run("SET a 10");
        let payload = dump(&mut rig, "a");
        let damaged = &payload[..payload.len() - 1];
        for (key, ttl, payload, options, wanted) in [
            ("a", "x", damaged, "nonsense", "-ERR syntax error"),
            ("a", "x", damaged, "idletime", "-ERR syntax error"),
            ("a", "x", damaged, "idletime 1 freq 1", "-ERR syntax error"),
            ("a", "x", damaged, "idletime x", "-ERR value is not an integer or out of range"),
            ("a", "x", damaged, "idletime -1", "-ERR Invalid IDLETIME value, must be >= 0"),
            ("a", "x", damaged, "freq 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
            ("a", "x", damaged, "", "-BUSYKEY Target key name already exists."),
            ("b", "x", damaged, "", "-ERR value is not an integer or out of range"),
            ("b", "-1", damaged, "", "-ERR Invalid TTL value, must be >= 0"),
            ("b", "1", damaged, "", "-ERR DUMP payload version or checksum are wrong"),
            ("b", "1", b"", "", "-ERR DUMP payload version or checksum are wrong"),
            ("a", "1", damaged, "replace", "-ERR DUMP payload version or checksum are wrong"),
        ] {
            assert_eq!(restore(&mut rig, key, ttl, payload, options), wanted, "{key} {ttl} {options}");
        }
        // An empty set, signed.
        let mut empty = b"\x02\x00\x0c\x00".to_vec();
        empty.extend(crate::base::crc::crc64(0, &empty).to_le_bytes());
        assert_eq!(restore(&mut rig, "a", "0", &empty, "replace"), "-ERR Bad data format");
        rig.check(&[("GET a", "$2 10")]);
    }

    #[test]
    fn what_has_expired_is_not_stored() {
        let mut rig = listening();
        rig.run("SET a 1");
        let payload = dump(&mut rig, "a");
        rig.events();
        rig.dirty();
        assert_eq!(restore(&mut rig, "b", "1", &payload, "absttl"), "+OK");
        assert_eq!((rig.events().len(), rig.dirty()), (0, 0));
        assert_eq!(restore(&mut rig, "a", "1", &payload, "absttl replace"), "+OK");
        assert_eq!((rig.events(), rig.dirty()), (vec!["0 del a".to_owned()], 1));
        rig.check(&[("EXISTS a b", ":0")]);
    }

    #[test]
    fn access_clocks_are_set() {
        let mut rig = Rig::new();
        rig.run("SET a 1");
        let payload = dump(&mut rig, "a");
        assert_eq!(restore(&mut rig, "b", "0", &payload, "idletime 1000"), "+OK");
        assert_eq!(restore(&mut rig, "c", "0", &payload, "freq 100"), "+OK");
        rig.check(&[("OBJECT IDLETIME b", ":1000"), ("OBJECT IDLETIME c", ":0")]);
        rig.set("maxmemory-policy", "allkeys-lfu");
        assert_eq!(restore(&mut rig, "d", "0", &payload, "freq 100"), "+OK");
        assert_eq!(restore(&mut rig, "e", "0", &payload, "idletime 100"), "+OK");
        rig.check(&[("OBJECT FREQ d", ":100"), ("OBJECT FREQ e", ":5")]);
    }

    #[test]
    fn field_deadlines_travel_and_act() {
        let mut rig = Rig::new();
        rig.check(&[("HSET h a 1 b 2", ":2"), ("HPEXPIRE h 500 FIELDS 1 a", "*1 :1")]);
        let payload = dump(&mut rig, "h");
        assert_eq!(restore(&mut rig, "g", "0", &payload, ""), "+OK");
        rig.check(&[("HPTTL g FIELDS 2 a b", "*2 :500 :-1"), ("OBJECT ENCODING g", "$10 listpackex")]);
        rig.now += 1000;
        rig.check(&[("HGETALL g", "*2 $1 b $1 2")]);
    }
}
