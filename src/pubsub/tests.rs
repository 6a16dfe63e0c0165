//! Tests of the broker with subscribers that write down what they get.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::*;
use crate::resp::Protocol;

struct Client {
    id: u64,
    protocol: Protocol,
    outbox: Mutex<Vec<bytes::Bytes>>,
    /// How often somebody came round.
    sent: AtomicU64,
}

impl Subscriber for Client {
    fn id(&self) -> u64 {
        self.id
    }

    fn deliver(&self, message: &Message<'_>, way: Way) -> bool {
        self.outbox.lock().push(message.frame(self.protocol).clone());
        way == Way::Round
    }

    fn send(&self, _: &mut Vec<u8>) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }
}

static NEXT: AtomicU64 = AtomicU64::new(1);

fn client(broker: &Arc<Broker>, protocol: Protocol) -> (Arc<Client>, Subscriptions) {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let client = Arc::new(Client { id, protocol, outbox: Mutex::default(), sent: AtomicU64::new(0) });
    (Arc::clone(&client), Subscriptions::new(Arc::clone(broker), client))
}

impl Client {
    fn received(&self) -> Vec<String> {
        let frames = std::mem::take(&mut *self.outbox.lock());
        frames.iter().map(|frame| String::from_utf8_lossy(frame).replace("\r\n", " ")).collect()
    }
}

fn names(broker: &Broker, kind: Kind, glob: Option<&str>) -> Vec<String> {
    let mut names = Vec::new();
    broker.for_each_name(kind, glob.map(str::as_bytes), |name| {
        names.push(String::from_utf8_lossy(name).into());
    });
    names.sort();
    names
}

#[test]
fn messages_reach_channels_and_matching_patterns() {
    let broker = Arc::new(Broker::new());
    let (alice, mut of_alice) = client(&broker, Protocol::Resp2);
    let (bob, mut of_bob) = client(&broker, Protocol::Resp3);
    of_alice.subscribe(Kind::Channel, b"news");
    of_alice.subscribe(Kind::Pattern, b"n*");
    of_bob.subscribe(Kind::Pattern, b"new?");
    of_bob.subscribe(Kind::Pattern, b"other");
    of_bob.subscribe(Kind::ShardChannel, b"news");
    assert_eq!(broker.publish(b"news", b"hi"), 3);
    assert_eq!(broker.publish(b"none", b"hi"), 1);
    assert_eq!(broker.publish_sharded(b"news", b"yo"), 1);
    assert_eq!(broker.publish_sharded(b"none", b"yo"), 0);
    assert_eq!(
        alice.received(),
        [
            "*3 $7 message $4 news $2 hi ",
            "*4 $8 pmessage $2 n* $4 news $2 hi ",
            "*4 $8 pmessage $2 n* $4 none $2 hi ",
        ]
    );
    assert_eq!(bob.received(), [">4 $8 pmessage $4 new? $4 news $2 hi ", ">3 $8 smessage $4 news $2 yo "]);
}

#[test]
fn receivers_share_the_bytes_of_their_protocol() {
    let broker = Arc::new(Broker::new());
    let clients: Vec<_> =
        (0..4).map(|i| client(&broker, [Protocol::Resp2, Protocol::Resp3][i % 2])).collect();
    let clients: Vec<_> = clients
        .into_iter()
        .map(|(client, mut subscriptions)| {
            subscriptions.subscribe(Kind::Channel, b"c");
            (client, subscriptions)
        })
        .collect();
    assert_eq!(broker.publish(b"c", b"x"), 4);
    let at: Vec<_> = clients.iter().map(|(client, _)| client.outbox.lock()[0].as_ptr()).collect();
    assert!(at[0] == at[2] && at[1] == at[3] && at[0] != at[1]);
}

#[test]
fn counts_are_those_that_redis_confirms_with() {
    let broker = Arc::new(Broker::new());
    let (_, mut one) = client(&broker, Protocol::Resp2);
    assert_eq!(one.subscribe(Kind::Channel, b"a"), 1);
    assert_eq!(one.subscribe(Kind::Channel, b"a"), 1);
    assert_eq!(one.subscribe(Kind::Pattern, b"a"), 2);
    assert_eq!(one.subscribe(Kind::ShardChannel, b"a"), 1);
    assert_eq!(one.subscribe(Kind::Channel, b"b"), 3);
    assert_eq!(one.unsubscribe(Kind::Channel, b"absent"), 3);
    let mut told = Vec::new();
    one.unsubscribe_all(Kind::Channel, |name, count| told.push((name.to_vec(), count)));
    assert_eq!(told, [(b"a".to_vec(), 2), (b"b".to_vec(), 1)]);
    assert_eq!(one.unsubscribe(Kind::Pattern, b"a"), 0);
    assert!(!one.is_empty());
    assert_eq!(one.unsubscribe(Kind::ShardChannel, b"a"), 0);
    assert!(one.is_empty());
}

#[test]
fn the_registry_tells_what_has_subscribers() {
    let broker = Arc::new(Broker::new());
    let (_, mut one) = client(&broker, Protocol::Resp2);
    let (_, mut two) = client(&broker, Protocol::Resp2);
    assert_eq!(broker.names(Kind::Channel), 0);
    for name in [&b"a1"[..], b"a2", b"b1"] {
        one.subscribe(Kind::Channel, name);
    }
    two.subscribe(Kind::Channel, b"a1");
    two.subscribe(Kind::Pattern, b"*");
    two.subscribe(Kind::ShardChannel, b"s");
    assert_eq!(names(&broker, Kind::Channel, None), ["a1", "a2", "b1"]);
    assert_eq!(names(&broker, Kind::Channel, Some("a*")), ["a1", "a2"]);
    assert_eq!(names(&broker, Kind::ShardChannel, None), ["s"]);
    assert_eq!(one.names(Kind::Channel).collect::<Vec<_>>(), [b"a1", b"a2", b"b1"]);
    assert_eq!(broker.subscribers(Kind::Channel, b"a1"), 2);
    assert_eq!(broker.subscribers(Kind::Channel, b"absent"), 0);
    assert_eq!(broker.names(Kind::Pattern), 1);
    drop(one);
    assert_eq!(names(&broker, Kind::Channel, None), ["a1"]);
    drop(two);
    for kind in [Kind::Channel, Kind::Pattern, Kind::ShardChannel] {
        assert_eq!((broker.names(kind), names(&broker, kind, None).len()), (0, 0));
    }
}

/// The number that a test message ends with.
fn number(frame: &[u8]) -> u64 {
    let text = std::str::from_utf8(frame).expect("test messages are text").trim_end();
    text.rsplit("\r\n").next().and_then(|number| number.parse().ok()).expect("test messages are numbers")
}

#[test]
fn order_holds_and_who_left_gets_nothing_while_others_publish() {
    const MESSAGES: u64 = 20_000;
    let broker = Arc::new(Broker::new());
    let (witness, mut of_witness) = client(&broker, Protocol::Resp2);
    let (other, mut of_other) = client(&broker, Protocol::Resp3);
    of_witness.subscribe(Kind::Channel, b"c");
    of_other.subscribe(Kind::Channel, b"c");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let publish = |from: u64| {
            let broker = &broker;
            move || {
                for i in 0..MESSAGES {
                    // Odd numbers are one publisher's, even ones the other's.
                    let receivers = broker.publish(b"c", (2 * i + from).to_string().as_bytes());
                    assert!(receivers >= 2);
                }
            }
        };
        let publishers = [scope.spawn(publish(0)), scope.spawn(publish(1))];
        for kind in [Kind::Channel, Kind::Pattern] {
            let (broker, done) = (&broker, &done);
            scope.spawn(move || {
                // Comes and goes on a channel of many and one of its own, so that topics come and go too.
                while !done.load(Ordering::Relaxed) {
                    let (guest, mut of_guest) = client(broker, Protocol::Resp2);
                    of_guest.subscribe(kind, b"c");
                    of_guest.subscribe(kind, b"guests");
                    assert!(broker.publish(b"guests", b"0") >= 1);
                    of_guest.unsubscribe(kind, b"c");
                    of_guest.unsubscribe(kind, b"guests");
                    guest.outbox.lock().clear();
                    thread::yield_now();
                    assert!(guest.outbox.lock().is_empty());
                }
            });
        }
        for publisher in publishers {
            publisher.join().expect("publishing does not panic");
        }
        done.store(true, Ordering::Relaxed);
    });
    let seen: Vec<u64> = witness.outbox.lock().iter().map(|frame| number(frame)).collect();
    assert_eq!(seen.len() as u64, 2 * MESSAGES);
    for parity in [0, 1] {
        assert!(seen.iter().filter(|n| **n % 2 == parity).is_sorted());
    }
    // All members see one order.
    assert!(other.outbox.lock().iter().map(|frame| number(frame)).eq(seen));
    drop((of_witness, of_other));
    assert_eq!((broker.names(Kind::Channel), broker.names(Kind::Pattern)), (0, 0));
}

#[tokio::test]
async fn somebody_goes_round_to_many() {
    let broker = Arc::new(Broker::new());
    let mut all: Vec<_> = (0..200).map(|_| client(&broker, Protocol::Resp2)).collect();
    for (_, subscriptions) in &mut all {
        subscriptions.subscribe(Kind::Channel, b"news");
    }
    for publishes in [Broker::publish, Broker::queue] {
        assert_eq!(publishes(&broker, b"news", b"x"), 200);
        let came = |times| all.iter().all(|(client, _)| client.sent.swap(0, Ordering::Relaxed) == times);
        assert!(came(0), "nobody is written to before the publisher goes on");
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(came(1));
    }
}
