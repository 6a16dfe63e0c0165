//! What long commands do to other clients, and keys that expire by themselves: over real sockets, in real time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{
    Client, Reply, Server, SetOnDrop, free_port, http, is_soon_enough, testing_the_reference,
};

/// How long another client may wait in these tests, in one of the tries.
const SOON: Duration = Duration::from_millis(150);

#[test]
fn debug_is_refused_unless_allowed() {
    let refusal = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
                   from a local connection, otherwise you need to set this option in the configuration file, and then \
                   restart the server.";
    let server = Server::start();
    let mut client = server.client();
    for command in [&["DEBUG", "SLEEP", "0"][..], &["DEBUG", "HELP"], &["debug", "nope"]] {
        assert_eq!(client.call(command), Reply::Error(refusal.to_owned()), "{command:?}");
    }
    assert!(client.call(&["DEBUG"]).is_error("ERR wrong number of arguments for 'debug' command"));
    for allowed in ["yes", "local"] {
        let server = Server::with(&["--enable-debug-command", allowed]);
        server.client().ok(&["DEBUG", "SLEEP", "0"]);
    }
    // Of two reasons to refuse, this one is told to whoever hasn't logged in.
    let server = Server::with(&["--requirepass", "secret"]);
    assert_eq!(server.client().call(&["DEBUG", "SLEEP", "0"]), Reply::Error(refusal.to_owned()));
}

#[test]
fn debug_sleep_stops_all_but_metrics() {
    let port = free_port();
    let mut args = vec!["--enable-debug-command", "yes"];
    let metrics = port.to_string();
    if !testing_the_reference() {
        args.extend(["--metrics-port", &metrics, "--metrics-bind", "127.0.0.1"]);
    }
    let server = Server::with(&args);
    let (mut sleeper, mut others) = (server.client(), [server.client(), server.client(), server.client()]);
    others.iter_mut().for_each(|client| client.ok(&["SET", "k", "v"]));
    // Longer with each try, so that the server sleeps while all this happens.
    is_soon_enough(|number| {
        let seconds = 0.2 * f64::from(number + 1);
        let begun = Instant::now();
        sleeper.send(format!("DEBUG SLEEP {seconds}\r\n").as_bytes());
        std::thread::sleep(Duration::from_millis(50));
        others.iter_mut().for_each(|client| client.send(b"GET k\r\n"));
        if !testing_the_reference() {
            assert!(http(port, "GET /metrics").1.contains("redis_up 1"));
        }
        let in_time = begun.elapsed() < Duration::from_secs_f64(seconds);
        for client in &mut others {
            assert_eq!(client.read().0, Reply::bulk("v"));
        }
        let slept = begun.elapsed() >= Duration::from_secs_f64(seconds);
        sleeper.expect(b"+OK\r\n");
        if in_time && slept {
            Ok(())
        } else {
            Err(format!("metrics in time: {in_time}, others held up: {slept}"))
        }
    });
}

#[test]
fn wait_gives_up_and_holds_up_nobody() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    for (command, reply) in [("WAIT 1 200\r\n", ":0\r\n"), ("WAITAOF 0 1 200\r\n", "*2\r\n:0\r\n:0\r\n")] {
        let begun = Instant::now();
        client.send(command.as_bytes());
        client.expect(reply.as_bytes());
        assert!(begun.elapsed() >= Duration::from_millis(200));
    }
    server.block(&mut client, "WAIT 1 0");
    other.ok(&["SET", "k", "v"]);
    assert!(client.is_silent_for(Duration::from_millis(100)));
}

/// The longest that a GET of another client takes while `work` goes on.
fn longest_wait(server: &Server, work: impl FnOnce()) -> Duration {
    let done = AtomicBool::new(false);
    let mut client = server.client();
    client.set(b"k", b"v");
    std::thread::scope(|scope| {
        let end = SetOnDrop(&done);
        let others = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let begun = Instant::now();
                client.call(&["GET", "k"]);
                longest = longest.max(begun.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            longest
        });
        work();
        drop(end);
        others.join().expect("GET answers")
    })
}

#[test]
fn walks_and_flushes_of_many_keys_hold_up_nobody() {
    if testing_the_reference() {
        return; // They do there.
    }
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    let mut nobody_waits = |works: [fn(&mut Client); 2]| {
        is_soon_enough(|_| {
            works[0](&mut client);
            let waited = longest_wait(&server, || works[1](&mut client));
            if waited < SOON { Ok(()) } else { Err(format!("a GET took {waited:?}")) }
        });
    };
    let populate = |client: &mut Client| client.ok(&["DEBUG", "POPULATE", "200000"]);
    let walk = |client: &mut Client| {
        for _ in 0..2 {
            assert_eq!(client.call(&["KEYS", "key:*9999"]).items().len(), 20);
        }
        let all = client.call(&["SCAN", "0", "COUNT", "10000000"]).items();
        assert_eq!((all[0].text(), all[1].items().len()), ("0".to_owned(), 200_001));
    };
    nobody_waits([populate, walk]);
    let set_bits = |client: &mut Client| _ = client.call(&["SETBIT", "bits", "400000000", "1"]);
    let count_bits = |client: &mut Client| {
        assert_eq!(client.call(&["BITCOUNT", "bits"]), Reply::Int(1));
        assert_eq!(client.call(&["BITOP", "NOT", "inverse", "bits"]), Reply::Int(50_000_001));
        assert_eq!(client.call(&["BITPOS", "inverse", "0"]), Reply::Int(400_000_000));
    };
    nobody_waits([set_bits, count_bits]);
    nobody_waits([populate, |client| client.ok(&["FLUSHALL", "SYNC"])]);
}

#[test]
fn keys_expire_by_themselves_on_time() {
    let server = Server::start();
    let mut client = server.client();
    client.ok(&["CONFIG", "SET", "notify-keyspace-events", "Ex"]);
    let mut listener = server.client();
    listener.call(&["SUBSCRIBE", "__keyevent@0__:expired"]);
    let mut request = Vec::new();
    for number in 0..5000 {
        request.extend_from_slice(format!("SET key:{number} v PX {}\r\n", 600 + number % 400).as_bytes());
    }
    let late = Duration::from_millis(if testing_the_reference() { 60_000 } else { 500 });
    is_soon_enough(|_| {
        let begun = Instant::now();
        client.exchange(request.clone(), 5000);
        for _ in 0..5000 {
            listener.read();
        }
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(999), "{took:?}");
        assert_eq!(client.call(&["DBSIZE"]), Reply::Int(0));
        if took < Duration::from_millis(1000) + late { Ok(()) } else { Err(format!("{took:?}")) }
    });
}

#[test]
fn scan_works_in_a_transaction_beside_writes() {
    let server = Server::start();
    let mut client = server.client();
    client.call(&["MSET", "a", "1", "b", "2"]);
    for command in
        [&["MULTI"][..], &["SET", "c", "3"], &["KEYS", "c"], &["DBSIZE"], &["SCAN", "0"], &["RANDOMKEY"]]
    {
        client.call(command);
    }
    let replies = client.call(&["EXEC"]).items();
    assert_eq!(replies[1].items(), [Reply::bulk("c")]);
    assert_eq!((&replies[2], replies[3].items()[1].items().len()), (&Reply::Int(3), 3));
    for command in [&["MULTI"][..], &["SELECT", "1"], &["SET", "x", "1"], &["SWAPDB", "0", "1"], &["FLUSHDB"]]
    {
        client.call(command);
    }
    client.call(&["EXEC"]);
    assert_eq!(client.call(&["DBSIZE"]), Reply::Int(0));
    client.ok(&["SELECT", "0"]);
    assert_eq!(client.call(&["KEYS", "*"]).items(), [Reply::bulk("x")]);
}
