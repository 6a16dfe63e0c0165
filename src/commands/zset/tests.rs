//! The family in a server without sockets: what is worked on without locks.

use super::super::testing::Rig;

/// More members than are worked on under a lock.
const MANY: usize = 6000;

fn filled() -> Rig {
    let mut rig = Rig::new();
    let members: Vec<String> = (0..MANY).map(|n| format!("m{n:04}")).collect();
    let mut args: Vec<&[u8]> = vec![b"ZADD", b"z"];
    members.iter().for_each(|member| args.extend([b"0", member.as_bytes()]));
    rig.call(&args);
    rig
}

#[test]
fn a_long_range_is_stored_as_of_the_instant_of_storing() {
    let ranges =
        ["0 -1", "0 -1 REV", "0 0 BYSCORE", "+inf -inf BYSCORE REV", "[m + BYLEX", "(a [z BYLEX LIMIT 0 -1"];
    for range in ranges {
        let mut rig = filled();
        let command = format!("ZRANGESTORE d z {range}");
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let mut rounds = 0;
        let reply = rig.call_meanwhile(&args, &mut |rig| {
            rounds += 1;
            if rounds == 1 {
                rig.check(&[("ZREM z m0007 m0008", ":2"), ("ZADD z 0 mx", ":1"), ("ZADD d 1 marker", ":1")]);
            }
        });
        assert_eq!((rounds, reply.as_slice()), (2, &b":5999\r\n"[..]), "{command}");
        rig.check(&[("ZSCORE d mx", "$1 0"), ("ZSCORE d m0007", "$-1"), ("ZSCORE d marker", "$-1")]);
    }
}

#[test]
fn a_short_range_is_stored_at_once() {
    let mut rig = filled();
    let ranges =
        [("3 5", ":3"), ("0 0 BYSCORE LIMIT 10 4", ":4"), ("[m0001 (m0004 BYLEX", ":3"), ("9 3", ":0")];
    for (range, stored) in ranges {
        let command = format!("ZRANGESTORE d z {range}");
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let reply = rig.call_meanwhile(&args, &mut |_| panic!("put off: {command}"));
        assert_eq!(String::from_utf8_lossy(&reply).trim_end(), stored, "{command}");
    }
    rig.check(&[("EXISTS d", ":0"), ("SET s x", "+OK")]);
    assert!(rig.run("ZRANGESTORE d s 0 -1").starts_with("-WRONGTYPE"));
    assert!(rig.run("ZRANGESTORE d s a b").starts_with("-ERR value is not an integer"));
}
