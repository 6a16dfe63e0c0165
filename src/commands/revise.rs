//! Changing one collection, of which much is to be read or changed: LREM, ZREMRANGEBYSCORE and their kin.
//!
//! What takes long is done to a clone while nobody waits for a lock. A clone shares everything with the collection but
//! what the change touches; it is installed only if the collection is still what was cloned:
//!
//! ```text
//! locked     clone ──┐             ┌──▶ unchanged ──▶ install the clone, reply
//!                    │             │    changed ────┐
//! unlocked           └──▶ revise ──┘◀──────────────┘   a few times, then in place and locked
//! ```

use std::marker::PhantomData;

use crate::client::OwnedRequest;
use crate::config::EventClasses;
use crate::keyspace::{RefMut, Stored, Value, WrongType};
use crate::resp::Reply;

use super::{Call, DONE, Install, Next, Outcome};

/// More members, fields or elements than these, named in one request, are worked on without locks.
pub const MANY: usize = 2048;

/// How often a change is tried without locks.
const TRIES: u32 = 4;

/// A change of one collection, which is at a command's first argument unless it says otherwise.
pub trait Revision: Send + Sized + 'static {
    /// The collection.
    type Content: Stored + Send + 'static;
    /// What is to be said of the change.
    type Told: Send + 'static;
    /// Whether it makes a new collection where there is none.
    const CREATES: bool = false;

    /// Which argument is the collection's key.
    fn key_at(&self, _args: &[&[u8]]) -> usize {
        1
    }

    /// Whether the change takes so long that it should not happen under a lock: it always does where a request is made
    /// a revision only if it names many things.
    fn is_heavy(&self, _: &Self::Content) -> bool {
        true
    }

    /// Changes the collection, in whatever time it takes.
    fn revise(&self, content: &mut Self::Content) -> Self::Told;

    /// Says what has changed, and replies; none: there is no such key.
    fn tell(self, call: &mut Call<'_>, told: Option<Self::Told>) -> Outcome;
}

/// Makes a change; see the head of this file.
///
/// # Errors
/// If the key is of another type, and those of the revision.
pub fn revise<R: Revision>(call: &mut Call<'_>, revision: R) -> Outcome {
    let may_put_off = call.may_put_off();
    let Some(mut content) = open(call, &revision)? else {
        return revision.tell(call, None);
    };
    if may_put_off && revision.is_heavy(&content) {
        let then = content.clone();
        return Ok(Next::Compute(Box::new(move || attempt(revision, then, TRIES))));
    }
    let told = revision.revise(&mut content);
    drop(content);
    revision.tell(call, Some(told))
}

/// Changes a clone without locks, and says how to go on under them.
fn attempt<R: Revision>(revision: R, then: R::Content, tries: u32) -> Install {
    let mut revised = then.clone();
    let mut told = revision.revise(&mut revised);
    Box::new(move |call| {
        let Some(mut now) = (match open(call, &revision) {
            Ok(opened) => opened,
            Err(wrong_type) => return refuse(wrong_type, [then, revised]),
        }) else {
            discard(call, [then, revised]);
            return revision.tell(call, None);
        };
        if now.is_unchanged_since(&then) {
            std::mem::swap(&mut *now, &mut revised);
        } else if tries > 1 {
            let now = now.clone();
            return Ok(Next::Compute(Box::new(move || {
                drop((then, revised));
                attempt(revision, now, tries - 1)
            })));
        } else {
            told = revision.revise(&mut now);
        }
        drop(now);
        discard(call, [then, revised]);
        revision.tell(call, Some(told))
    })
}

fn open<'v, R: Revision>(
    call: &'v mut Call<'_>,
    revision: &R,
) -> Result<Option<RefMut<'v, R::Content>>, WrongType> {
    let key = call.args[revision.key_at(call.args)];
    if R::CREATES { call.keys.write_or_new(key).map(Some) } else { call.keys.write(key) }
}

/// Lets go of what may be the last references, to be freed after unlocking.
fn discard<T: Stored>(call: &mut Call<'_>, stale: [T; 2]) {
    call.keys.effects.garbage.extend(stale.into_iter().map(Stored::into_value).filter(Value::is_large));
}

/// Answers that the key has become of another type, after the last references are freed without locks.
fn refuse<T: Stored + Send + 'static>(wrong_type: WrongType, stale: [T; 2]) -> Outcome {
    Ok(Next::Compute(Box::new(move || {
        drop(stale);
        Box::new(move |_| Err(wrong_type.into()))
    })))
}

/// SADD, HSET, LPUSH: adds what the arguments after the key name to a collection, a new one if the key is absent; more
/// than `many` are added without locks. `add` gives a number to `answer` and how many things it has changed; `event` is
/// class and name of the keyspace event.
///
/// # Errors
/// If the key is of another type.
#[inline]
pub fn add_named<T, F, A>(
    call: &mut Call<'_>,
    event: (u32, &'static str),
    many: usize,
    add: F,
    answer: A,
) -> Outcome
where
    T: Stored + Send + 'static,
    F: Fn(&mut T, &[&[u8]]) -> (usize, usize) + Send + 'static,
    A: FnOnce(&mut Reply, usize) + Send + 'static,
{
    let (key, names) = (call.args[1], &call.args[2..]);
    if names.len() > many {
        let names = OwnedRequest::new(names);
        return revise(call, AddMany { names, add, answer, event, of: PhantomData });
    }
    let number = call.keys.update_or_new(key, event, |content: &mut T| add(content, names))?;
    answer(call.reply, number);
    DONE
}

/// The same with many names.
struct AddMany<T, F, A> {
    names: OwnedRequest,
    add: F,
    answer: A,
    event: (u32, &'static str),
    of: PhantomData<fn(&mut T)>,
}

impl<T, F, A> Revision for AddMany<T, F, A>
where
    T: Stored + Send + 'static,
    F: Fn(&mut T, &[&[u8]]) -> (usize, usize) + Send + 'static,
    A: FnOnce(&mut Reply, usize) + Send + 'static,
{
    type Content = T;
    /// The number to answer, and how many things have changed.
    type Told = (usize, usize);
    const CREATES: bool = true;

    fn revise(&self, content: &mut T) -> (usize, usize) {
        (self.add)(content, &self.names.args())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<(usize, usize)>) -> Outcome {
        let (number, count) = told.unwrap_or_default();
        say_changed(call, call.args[1], self.event, count);
        (self.answer)(call.reply, number);
        DONE
    }
}

/// SREM, HDEL, ZREM: removes what the arguments after the key name, and answers how many of them were there. `remove`
/// removes one and tells whether it was there; `event` is class and name of the keyspace event.
///
/// # Errors
/// If the key is of another type.
#[inline]
pub fn remove_named<T, F>(call: &mut Call<'_>, event: (u32, &'static str), remove: F) -> Outcome
where
    T: Stored + Send + 'static,
    F: Fn(&mut T, &[u8]) -> bool + Send + 'static,
{
    let (key, names) = (call.args[1], &call.args[2..]);
    if names.len() > MANY {
        return revise(call, RemoveMany { names: OwnedRequest::new(names), remove, event, of: PhantomData });
    }
    let told = call.keys.update(key, event, |content: &mut T| {
        let gone = names.iter().filter(|name| remove(content, name)).count();
        ((gone, content.is_void()), gone)
    })?;
    let (gone, emptied) = told.unwrap_or_default();
    if emptied {
        call.keys.event(key, EventClasses::GENERIC, "del");
    }
    call.reply.int(gone as i64);
    DONE
}

/// The same with many names.
struct RemoveMany<T, F> {
    names: OwnedRequest,
    remove: F,
    event: (u32, &'static str),
    of: PhantomData<fn(&mut T)>,
}

impl<T, F> Revision for RemoveMany<T, F>
where
    T: Stored + Send + 'static,
    F: Fn(&mut T, &[u8]) -> bool + Send + 'static,
{
    type Content = T;
    /// How many are gone, and whether none is left.
    type Told = (usize, bool);

    fn revise(&self, content: &mut T) -> (usize, bool) {
        let gone = self.names.args().iter().filter(|name| (self.remove)(content, name)).count();
        (gone, content.is_void())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<(usize, bool)>) -> Outcome {
        let (gone, emptied) = told.unwrap_or_default();
        say_removed(call, call.args[1], self.event, gone, emptied);
        call.reply.int(gone as i64);
        DONE
    }
}

/// Says that `count` things behind a key have changed, if any.
pub fn say_changed(call: &mut Call<'_>, key: &[u8], (class, event): (u32, &'static str), count: usize) {
    if count > 0 {
        call.keys.changed(key, class, event);
        call.keys.effects.dirty += count as u64 - 1;
    }
}

/// Says that `count` things behind a key are gone, if any, and whether the key has gone with the last one.
pub fn say_removed(call: &mut Call<'_>, key: &[u8], event: (u32, &'static str), count: usize, emptied: bool) {
    say_changed(call, key, event, count);
    if emptied {
        call.keys.event(key, EventClasses::GENERIC, "del");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Rig;

    /// A request of 5000 names in the manner of `verb key n0 n1 ...`, each followed by `value` if that isn't empty.
    fn many(start: &str, value: &str) -> Vec<String> {
        let names = (0..5000).flat_map(|n| [format!("n{n}"), value.to_owned()]);
        start.split(' ').map(str::to_owned).chain(names).filter(|word| !word.is_empty()).collect()
    }

    /// Runs a request; its reply, and how often it worked without locks. `meanwhile` runs the first such time.
    fn run(rig: &mut Rig, words: &[String], meanwhile: &str) -> (String, usize) {
        let args: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let mut times = 0;
        let reply = rig.call_meanwhile(&args, &mut |rig| {
            times += 1;
            if times == 1 && !meanwhile.is_empty() {
                rig.run(meanwhile);
            }
        });
        (String::from_utf8_lossy(&reply).replace("\r\n", " ").trim_end().to_owned(), times)
    }

    #[test]
    fn many_members_of_a_set_come_and_go_without_locks() {
        let mut rig = Rig::new();
        assert_eq!(run(&mut rig, &many("SADD s", ""), "SADD s n7 other"), (":4999".into(), 2));
        assert_eq!(rig.dirty(), 5001);
        rig.check(&[("SCARD s", ":5001"), ("EXPIRE s 1000", ":1"), ("SREM s n3", ":1")]);
        let (reply, times) = run(&mut rig, &many("SMISMEMBER s", ""), "DEL nosuch");
        assert!(reply.starts_with("*5000 :1 :1 :1 :0 :1") && times == 1);
        rig.dirty();
        assert_eq!(run(&mut rig, &many("SREM s", ""), "SADD s n3"), (":5000".into(), 2));
        assert_eq!(rig.dirty(), 5001);
        rig.check(&[("SMEMBERS s", "*1 $5 other"), ("TTL s", ":1000")]);
        assert_eq!(run(&mut rig, &many("SREM s other", ""), ""), (":1".into(), 1));
        rig.check(&[("EXISTS s", ":0")]);
    }

    #[test]
    fn many_fields_of_a_hash_go_without_locks() {
        let mut rig = Rig::new();
        rig.set("notify-keyspace-events", "KEA");
        run(&mut rig, &many("HSET h", "v"), "");
        rig.check(&[("HPEXPIRE h 100 FIELDS 1 n1", "*1 :1")]);
        rig.now += 101;
        let (reply, times) = run(&mut rig, &many("HMGET h", ""), "HSET h n0 w");
        assert!(reply.starts_with("*5000 $1 v $-1 $1 v") && times == 1);
        rig.events();
        assert_eq!(run(&mut rig, &many("HDEL h", ""), "").1, 1);
        assert_eq!(rig.events().last().map(String::as_str), Some("0 del h"));
        rig.check(&[("EXISTS h", ":0")]);
    }

    #[test]
    fn many_members_of_a_sorted_set_go_without_locks() {
        let mut rig = Rig::new();
        let words: Vec<String> = (0..5000).flat_map(|n| [n.to_string(), format!("n{n}")]).collect();
        run(&mut rig, &[vec!["ZADD".into(), "z".into()], words].concat(), "");
        let (reply, times) = run(&mut rig, &many("ZMSCORE z", ""), "ZREM z n1");
        assert!(reply.starts_with("*5000 $1 0 $1 1 $1 2") && times == 1);
        assert_eq!(run(&mut rig, &many("ZREM z", ""), "ZADD z 1 other"), (":4999".into(), 2));
        rig.check(&[("ZRANGE z 0 -1", "*1 $5 other")]);
    }

    #[test]
    fn many_members_of_a_sorted_set_are_popped_without_locks() {
        let mut rig = Rig::new();
        let words: Vec<String> = (0..5000).flat_map(|n| [n.to_string(), format!("n{n}")]).collect();
        let words = [vec!["ZADD".into(), "z".into()], words].concat();
        assert_eq!(run(&mut rig, &words, "").1, 1);
        let pop = |rig: &mut Rig, request: &str, meanwhile: &str| {
            run(rig, &request.split(' ').map(str::to_owned).collect::<Vec<_>>(), meanwhile)
        };
        rig.dirty();
        let (reply, times) = pop(&mut rig, "ZPOPMAX z 2000", "ZADD z 6000 new");
        assert!(
            reply.starts_with("*4000 $3 new $4 6000 $5 n4999 $4 4999") && reply.ends_with("$5 n3001 $4 3001")
        );
        assert_eq!((times, rig.dirty()), (3, 2001));
        let (reply, times) = pop(&mut rig, "ZPOPMIN z 9999", "");
        assert!(reply.starts_with("*6002 $2 n0 $1 0") && reply.ends_with("$5 n3000 $4 3000") && times == 2);
        rig.check(&[("EXISTS z", ":0"), ("ZPOPMIN z 9999", "*0")]);
        assert_eq!(pop(&mut rig, "ZMPOP 1 z MIN COUNT 9999", ""), ("*-1".into(), 0));
        run(&mut rig, &words, "");
        let (reply, times) = pop(&mut rig, "ZMPOP 1 z MAX COUNT 2000", "ZREM z n4999");
        assert!(reply.starts_with("*2 $1 z *2000 *2 $5 n4998 $4 4998 *2 $5 n4997") && times == 3);
        assert_eq!(pop(&mut rig, "ZMPOP 1 z MAX COUNT 2000", "DEL z"), ("*-1".into(), 1));
    }

    #[test]
    fn many_entries_of_a_stream_go_without_locks() {
        let mut rig = Rig::new();
        for n in 1..5000 {
            rig.run(&format!("XADD s {n}-0 a b"));
        }
        let ids = |start: &str| -> Vec<String> {
            let ids = (1..3000).map(|n| format!("{n}-0"));
            start.split(' ').map(str::to_owned).chain(ids).collect()
        };
        rig.check(&[("XGROUP CREATE s g 0", "+OK")]);
        rig.run("XREADGROUP GROUP g c COUNT 5000 STREAMS s >");
        assert_eq!(run(&mut rig, &ids("XACK s g"), "XACK s g 5-0"), (":2998".into(), 2));
        let claim: Vec<String> =
            "XAUTOCLAIM s g d 0 0 COUNT 5000 JUSTID".split(' ').map(str::to_owned).collect();
        let (reply, times) = run(&mut rig, &claim, "XDEL s 3000-0");
        assert!(reply.starts_with("*3 $3 0-0 *1999 $6 3001-0 ") && reply.ends_with(" *1 $6 3000-0"));
        assert_eq!(times, 3);
        rig.dirty();
        assert_eq!(run(&mut rig, &ids("XDEL s"), "XDEL s 5-0"), (":2998".into(), 2));
        assert_eq!(rig.dirty(), 2999);
        rig.check(&[("XLEN s", ":1999"), ("XRANGE s - + COUNT 1", "*1 *2 $6 3001-0 *2 $1 a $1 b")]);
        rig.check(&[("XPENDING s g", "*4 :1999 $6 3001-0 $6 4999-0 *1 *2 $1 d $4 1999")]);
        assert!(run(&mut rig, &claim, "XGROUP DESTROY s g").0.starts_with("-NOGROUP"));
    }

    /// A request of words.
    fn words(request: &str) -> Vec<String> {
        request.split(' ').map(str::to_owned).collect()
    }

    /// A stream `s` of 3000 entries with a group `g`.
    fn stream() -> Rig {
        let mut rig = Rig::new();
        for n in 1..=3000 {
            rig.run(&format!("XADD s {n}-0 a b"));
        }
        rig.check(&[("XGROUP CREATE s g 0", "+OK")]);
        rig.dirty();
        rig
    }

    #[test]
    fn many_entries_are_handed_out_without_locks() {
        let mut rig = stream();
        rig.set("notify-keyspace-events", "KEA");
        let new = words("XREADGROUP GROUP g c STREAMS s >");
        // Another consumer comes between: it has the first entry.
        let (reply, times) = run(&mut rig, &new, "XREADGROUP GROUP g d COUNT 1 STREAMS s >");
        assert!(reply.starts_with("*1 *2 $1 s *2999 *2 $3 2-0 *2 $1 a $1 b *2 $3 3-0"), "{}", &reply[..60]);
        assert_eq!((times, rig.dirty()), (3, 4));
        assert_eq!(rig.events(), ["0 xgroup-createconsumer s", "0 xgroup-createconsumer s"]);
        rig.check(&[("XPENDING s g", "*4 :3000 $3 1-0 $6 3000-0 *2 *2 $1 c $4 2999 *2 $1 d $1 1")]);
        rig.run("XDEL s 5-0");
        let (reply, times) = run(&mut rig, &words("XREADGROUP GROUP g c STREAMS s 3"), "XACK s g 3000-0");
        assert!(reply.starts_with("*1 *2 $1 s *2996 *2 $3 4-0 *2 $1 a $1 b *2 $3 5-0 *-1 *2 $3 6-0"));
        assert!(reply.ends_with(" *2 $6 2999-0 *2 $1 a $1 b") && times == 3);
        rig.check(&[
            ("XPENDING s g 4-0 4-0 9", "*1 *4 $3 4-0 $1 c :0 :2"),
            ("XPENDING s g 5-0 5-0 9", "*1 *4 $3 5-0 $1 c :0 :1"),
        ]);
        // Nothing is left when it comes to it.
        rig.check(&[("XGROUP SETID s g 0", "+OK")]);
        assert_eq!(run(&mut rig, &new, "XGROUP SETID s g $"), ("*-1".into(), 2));
        rig.check(&[("XGROUP SETID s g 0", "+OK")]);
        assert!(run(&mut rig, &new, "XGROUP DESTROY s g").0.starts_with("-NOGROUP"));
    }

    #[test]
    fn many_entries_change_hands_without_locks() {
        let mut rig = stream();
        rig.run("XREADGROUP GROUP g c STREAMS s >");
        let ids = (1..=2500).map(|n| format!("{n}-0"));
        let mut claim: Vec<String> = words("XCLAIM s g d 0").into_iter().chain(ids).collect();
        claim.push("JUSTID".into());
        rig.dirty();
        let (reply, times) = run(&mut rig, &claim, "XACK s g 2-0");
        assert!(reply.starts_with("*2499 $3 1-0 $3 3-0") && times == 3);
        assert_eq!(rig.dirty(), 2501);
        rig.check(&[("XPENDING s g", "*4 :2999 $3 1-0 $6 3000-0 *2 *2 $1 c $3 500 *2 $1 d $4 2499")]);
        assert!(run(&mut rig, &claim, "DEL s").0.starts_with("-NOGROUP"));
    }

    #[test]
    fn a_consumer_of_many_entries_goes_without_locks() {
        let mut rig = stream();
        rig.run("XREADGROUP GROUP g d COUNT 1 STREAMS s >");
        rig.run("XREADGROUP GROUP g c STREAMS s >");
        let delete = words("XGROUP DELCONSUMER s g c");
        assert_eq!(run(&mut rig, &delete, "XACK s g 9-0"), (":2998".into(), 2));
        rig.check(&[("XPENDING s g", "*4 :1 $3 1-0 $3 1-0 *1 *2 $1 d $1 1")]);
        rig.check(&[("XGROUP SETID s g 1-0", "+OK")]);
        rig.run("XREADGROUP GROUP g c STREAMS s >");
        assert!(run(&mut rig, &delete, "XGROUP DESTROY s g").0.starts_with("-NOGROUP"));
    }

    #[test]
    fn many_fields_get_deadlines_without_locks() {
        let mut rig = Rig::new();
        run(&mut rig, &many("HSET h", "v"), "");
        rig.dirty();
        let (reply, times) = run(&mut rig, &many("HEXPIRE h 100 NX FIELDS 5000", ""), "HDEL h n1");
        assert!(reply.starts_with("*5000 :1 :-2 :1 :1") && times == 2);
        assert_eq!(rig.dirty(), 5000);
        let (reply, times) = run(&mut rig, &many("HTTL h FIELDS 5000", ""), "HPERSIST h FIELDS 1 n0");
        assert!(reply.starts_with("*5000 :100 :-2 :100") && times == 1);
        let (reply, times) = run(&mut rig, &many("HPERSIST h FIELDS 5000", ""), "");
        assert!(reply.starts_with("*5000 :-1 :-2 :1 :1") && times == 1);
        let (reply, _) = run(&mut rig, &many("HPEXPIREAT h 1 FIELDS 5000", ""), "HSET h other v");
        assert!(reply.starts_with("*5000 :2 :-2 :2"));
        rig.check(&[("HGETALL h", "*2 $5 other $1 v")]);
        assert!(run(&mut rig, &many("HEXPIRE h 9 FIELDS 5000", ""), "DEL h").0.starts_with("*5000 :-2 :-2"));
    }

    #[test]
    fn many_names_of_another_type_or_of_nothing() {
        let mut rig = Rig::new();
        rig.check(&[("SET s x", "+OK")]);
        assert!(run(&mut rig, &many("SREM s", ""), "").0.starts_with("-WRONGTYPE"));
        assert!(run(&mut rig, &many("SADD s", ""), "").0.starts_with("-WRONGTYPE"));
        assert_eq!(run(&mut rig, &many("ZREM nosuch", ""), ""), (":0".into(), 0));
        let (reply, times) = run(&mut rig, &many("SADD t", ""), "SET t x");
        assert!(reply.starts_with("-WRONGTYPE"));
        // The second time is for what was done in vain to be freed.
        assert_eq!(times, 2);
        assert!(run(&mut rig, &many("HMGET nosuch", ""), "").0.starts_with("*5000 $-1"));
    }
}
