//! What can be asked of connections: CLIENT in all its forms, pauses, limits of output and of silence.

use std::time::{Duration, Instant};

use crate::support::{
    Client, PATIENCE, Reply, Server, pipeline, request, show, testing_the_reference, wait_until,
};

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

#[track_caller]
fn is_error(client: &mut Client, command: &str, text: &str) {
    assert_eq!(client.call(&words(command)), Reply::Error(text.to_owned()), "{command}");
}

#[track_caller]
fn is_ok(client: &mut Client, command: &str) {
    assert_eq!(client.call(&words(command)), Reply::Simple(b"OK".to_vec()), "{command}");
}

/// Asks until the answer is this one.
#[track_caller]
fn becomes(client: &mut Client, command: &str, expected: &Reply) {
    wait_until(&format!("{expected:?} to {command}"), || client.call(&words(command)) == *expected);
}

/// The lines of CLIENT LIST.
pub fn list(client: &mut Client) -> Vec<String> {
    client.call(&["CLIENT", "LIST"]).text().lines().map(str::to_owned).collect()
}

/// A field of a line of CLIENT LIST.
pub fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let fields = line.split(' ').filter_map(|field| field.split_once('='));
    fields.clone().find(|(key, _)| *key == name).unwrap_or_else(|| panic!("no {name} in {line}")).1
}

/// Waits until a connection with this name is gone.
#[track_caller]
pub fn goes(client: &mut Client, name: &str) {
    let here = |line: &String| field(line, "name") == name;
    wait_until(&format!("{name} gone"), || !list(client).iter().any(here));
}

/// A connection with a name, and its number.
pub fn named(server: &Server, name: &str) -> (Client, i64) {
    let mut client = server.client();
    is_ok(&mut client, &format!("CLIENT SETNAME {name}"));
    let Reply::Int(id) = client.call(&["CLIENT", "ID"]) else { panic!("a number") };
    (client, id)
}

#[test]
fn the_list_has_the_fields_of_redis() {
    let server = Server::start();
    let mut client = server.client();
    let lines = list(&mut client);
    let [line] = &lines[..] else { panic!("one line: {lines:?}") };
    let names: Vec<&str> = line.split(' ').map(|field| field.split_once('=').expect("a field").0).collect();
    let expected = "id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free argv-mem \
                    multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver";
    assert_eq!(names.join(" "), expected);
    let fixed = "flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=26";
    assert!(line.contains(fixed), "{line}");
    let fixed = "cmd=client|list user=default redir=-1 resp=2 lib-name= lib-ver=";
    assert!(line.ends_with(fixed), "{line}");
    assert!(line.contains(" argv-mem=10 multi-mem=0 ") && line.contains(" obl=0 oll=0 omem=0 "), "{line}");
    let port = server.port();
    assert!(line.contains(&format!(" laddr=127.0.0.1:{port} ")), "{line}");
}

#[test]
fn the_list_tells_what_a_client_does() {
    let server = Server::start();
    let (mut one, id) = named(&server, "one");
    let mut client = server.client();
    is_ok(&mut one, "SELECT 3");
    is_ok(&mut one, "CLIENT SETINFO lib-name my-lib");
    is_ok(&mut one, "CLIENT SETINFO LIB-VER 1.2");
    is_ok(&mut one, "CLIENT NO-EVICT on");
    is_ok(&mut one, "CLIENT NO-TOUCH on");
    is_ok(&mut one, "WATCH a b");
    is_ok(&mut one, "MULTI");
    assert_eq!(one.call(&["PING"]), Reply::Simple(b"QUEUED".to_vec()));
    let line = client.call(&["CLIENT", "LIST", "ID", &id.to_string()]).text();
    let line = line.trim_end();
    assert_eq!(field(line, "flags"), "xeT");
    assert!(line.contains(" db=3 ") && line.contains(" multi=1 watch=2 "), "{line}");
    assert!(line.ends_with(" lib-name=my-lib lib-ver=1.2") && line.contains(" cmd=ping "), "{line}");
    client.ok(&["SELECT", "3"]);
    client.ok(&["SET", "b", "1"]);
    let line = client.call(&["CLIENT", "LIST", "ID", &id.to_string()]).text();
    assert!(line.contains(" flags=xdeT ") && line.contains(" multi=1 watch=0 "), "{line}");
    let info = client.call(&["INFO", "clients"]).text();
    assert!(
        info.contains("\r\nwatching_clients:0\r\n") && info.contains("\r\ntotal_watched_keys:0\r\n"),
        "{info}"
    );
    one.ok(&["DISCARD"]);
    assert_eq!(one.call(&["RESET"]), Reply::Simple(b"RESET".to_vec()));
    let line = client.call(&["CLIENT", "LIST", "ID", &id.to_string()]).text();
    assert!(line.contains(" name= ") && line.contains(" flags=N db=0 "), "{line}");
    assert!(line.contains(" lib-name=my-lib lib-ver=1.2"), "{line}");
}

#[test]
fn the_list_by_type_and_by_number() {
    let server = Server::start();
    let (mut one, id) = named(&server, "one");
    let mut client = server.client();
    one.call(&["SUBSCRIBE", "c"]);
    let by = |client: &mut Client, command: &str| -> Vec<String> {
        let text = client.call(&words(command)).text();
        text.lines().map(|line| field(line, "name").to_owned()).collect()
    };
    assert_eq!(by(&mut client, "CLIENT LIST TYPE pubsub"), ["one"]);
    assert_eq!(by(&mut client, "CLIENT LIST TYPE NORMAL"), [""]);
    assert!(by(&mut client, "CLIENT LIST TYPE replica").is_empty());
    assert!(by(&mut client, "CLIENT LIST TYPE master").is_empty());
    assert_eq!(by(&mut client, &format!("CLIENT LIST ID {id} 99999 -1 {id}")), ["one", "one"]);
    is_error(&mut client, "CLIENT LIST TYPE nope", "ERR Unknown client type 'nope'");
    is_error(&mut client, "CLIENT LIST ID x", "ERR Invalid client ID");
    for wrong in ["CLIENT LIST ID", "CLIENT LIST TYPE", "CLIENT LIST nope", "CLIENT LIST TYPE normal x"] {
        is_error(&mut client, wrong, "ERR syntax error");
    }
}

#[test]
fn names_have_no_spaces() {
    let server = Server::start();
    let mut client = server.client();
    let refused = "Client names cannot contain spaces, newlines or special characters.";
    for name in ["a b", "a\nb", "caf\u{e9}", "\u{7f}"] {
        let reply = client.call(&["CLIENT", "SETNAME", name]);
        assert_eq!(reply, Reply::Error(format!("ERR {refused}")), "{name:?}");
    }
    is_ok(&mut client, "CLIENT SETNAME x");
    is_ok(&mut client, "CLIENT SETNAME ");
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), Reply::Null);
    is_error(&mut client, "CLIENT SETINFO nope x", "ERR Unrecognized option 'nope'");
    let reply = client.call(&["CLIENT", "SETINFO", "lib-Name", "a b"]);
    assert_eq!(
        reply,
        Reply::Error("ERR lib-Name cannot contain spaces, newlines or special characters.".into())
    );
}

#[test]
fn subcommands_say_what_is_wrong() {
    let server = Server::start();
    let mut client = server.client();
    let cases = [
        ("CLIENT", "ERR wrong number of arguments for 'client' command"),
        ("CLIENT NOPE", "ERR unknown subcommand 'NOPE'. Try CLIENT HELP."),
        ("CLIENT ID x", "ERR wrong number of arguments for 'client|id' command"),
        ("CLIENT REPLY x", "ERR syntax error"),
        ("CLIENT NO-EVICT x", "ERR syntax error"),
        ("CLIENT NO-TOUCH x", "ERR syntax error"),
        ("CLIENT PAUSE x", "ERR timeout is not an integer or out of range"),
        ("CLIENT PAUSE -1", "ERR timeout is negative"),
        ("CLIENT PAUSE 9223372036854775807", "ERR timeout is out of range"),
        ("CLIENT PAUSE x nope", "ERR CLIENT PAUSE mode must be WRITE or ALL"),
        (
            "CLIENT PAUSE 1 ALL x",
            "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.",
        ),
        ("CLIENT UNBLOCK 1 x", "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        ("CLIENT UNBLOCK x", "ERR value is not an integer or out of range"),
    ];
    for (command, text) in cases {
        is_error(&mut client, command, text);
    }
    assert_eq!(client.call(&["CLIENT", "UNBLOCK", "1000"]), Reply::Int(0));
    assert!(client.call(&["CLIENT", "HELP"]).items().len() > 20);
}

#[test]
fn kill_by_address() {
    let server = Server::start();
    let (_one, id) = named(&server, "one");
    let mut client = server.client();
    let line = client.call(&["CLIENT", "LIST", "ID", &id.to_string()]).text();
    let addr = field(&line, "addr").to_owned();
    is_error(&mut client, "CLIENT KILL 1.2.3.4:5", "ERR No such client");
    assert_eq!(client.call(&["CLIENT", "KILL", "ADDR", "1.2.3.4:5"]), Reply::Int(0));
    is_ok(&mut client, &format!("CLIENT KILL {addr}"));
    goes(&mut client, "one");
}

#[test]
fn kill_by_filters() {
    let server = Server::start();
    let (mut one, id) = named(&server, "one");
    let (mut two, _) = named(&server, "two");
    let mut client = server.client();
    two.call(&["SUBSCRIBE", "c"]);
    assert_eq!(client.call(&["CLIENT", "KILL", "TYPE", "pubsub", "ID", &id.to_string()]), Reply::Int(0));
    assert_eq!(client.call(&["CLIENT", "KILL", "ID", &id.to_string()]), Reply::Int(1));
    assert_eq!(show(&one.read_to_close()), "");
    assert_eq!(client.call(&["CLIENT", "KILL", "MAXAGE", "1000"]), Reply::Int(0));
    let laddr = format!("127.0.0.1:{}", server.port());
    let command = ["CLIENT", "KILL", "LADDR", &laddr, "USER", "default", "TYPE", "pubsub"];
    assert_eq!(client.call(&command), Reply::Int(1));
    goes(&mut client, "two");
    assert_eq!(list(&mut client).len(), 1);
    // A killed client counts no longer, at once.
    let _three = named(&server, "three");
    assert_eq!(client.call(&["CLIENT", "KILL", "SKIPME", "yes"]), Reply::Int(1));
    assert_eq!(list(&mut client).len(), 1);
    // Oneself too, after the answer.
    client.send(&pipeline(&["CLIENT KILL SKIPME no", "SET k v"]));
    assert_eq!(show(&client.read_to_close()), ":1\\r\\n");
    assert_eq!(server.client().call(&["EXISTS", "k"]), Reply::Int(0));
}

#[test]
fn kill_refuses_what_makes_no_sense() {
    let server = Server::start();
    let mut client = server.client();
    let cases = [
        ("CLIENT KILL", "ERR wrong number of arguments for 'client|kill' command"),
        ("CLIENT KILL id 10 wrong", "ERR syntax error"),
        ("CLIENT KILL nope x", "ERR syntax error"),
        ("CLIENT KILL skipme maybe", "ERR syntax error"),
        ("CLIENT KILL id str", "ERR client-id should be greater than 0"),
        ("CLIENT KILL id 0", "ERR client-id should be greater than 0"),
        ("CLIENT KILL id -1", "ERR client-id should be greater than 0"),
        ("CLIENT KILL type nope", "ERR Unknown client type 'nope'"),
        ("CLIENT KILL user nobody", "ERR No such user 'nobody'"),
        ("CLIENT KILL maxage x", "ERR maxage is not an integer or out of range"),
        ("CLIENT KILL maxage 0", "ERR maxage should be greater than 0"),
    ];
    for (command, text) in cases {
        is_error(&mut client, command, text);
    }
}

#[test]
fn replies_can_be_turned_off() {
    let server = Server::start();
    let mut client = server.client();
    let commands =
        "CLIENT REPLY OFF\r\nPING\r\nNOPE\r\nSET k 1\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nGET k\r\n";
    client.send(commands.as_bytes());
    client.expect(b"+OK\r\n$1\r\n1\r\n");
    client.send(b"CLIENT REPLY SKIP\r\nPING\r\nECHO a\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nECHO b\r\n");
    client.expect(b"$1\r\na\r\n+OK\r\n$1\r\nb\r\n");
    client.send(b"CLIENT REPLY OFF\r\nPING\r\nRESET\r\nECHO c\r\n");
    client.expect(b"+RESET\r\n$1\r\nc\r\n");
    client.send(b"CLIENT REPLY SKIP\r\nRESET\r\nECHO d\r\n");
    client.expect(b"$1\r\nd\r\n");
    // What came before stays.
    client.send(b"GET k\r\nGET k\r\nCLIENT REPLY OFF\r\nGET k\r\nCLIENT REPLY ON\r\nGET k\r\nCLIENT REPLY SKIP\r\nGET k\r\n");
    client.expect(b"$1\r\n1\r\n$1\r\n1\r\n+OK\r\n$1\r\n1\r\n");
}

#[test]
fn a_pause_of_writes_lets_reads_pass() {
    let server = Server::start();
    let (mut client, mut writer) = (server.client(), server.client());
    let (mut publisher, mut queuer) = (server.client(), server.client());
    client.ok(&["SET", "k", "old"]);
    queuer.ok(&["MULTI"]);
    queuer.call(&["SET", "q", "v"]);
    is_ok(&mut client, "CLIENT PAUSE 100000 WRITE");
    writer.send(&pipeline(&["GET k", "SET k new", "GET k"]));
    writer.expect(b"$3\r\nold\r\n");
    publisher.send(&pipeline(&["PUBLISH c m"]));
    queuer.send(&pipeline(&["EXEC"]));
    // What is wrong is answered at once.
    is_error(&mut client, "SET k", "ERR wrong number of arguments for 'set' command");
    wait_until("all three held back", || {
        list(&mut client).iter().filter(|line| field(line, "flags").contains('b')).count() == 3
    });
    for held in [&mut writer, &mut publisher, &mut queuer] {
        assert!(held.is_silent_for(Duration::from_millis(20)));
    }
    assert_eq!(client.call(&["MGET", "k", "q"]), Reply::Array(vec![Reply::bulk("old"), Reply::Null]));
    is_ok(&mut client, "CLIENT UNPAUSE");
    writer.expect(b"+OK\r\n$3\r\nnew\r\n");
    publisher.expect(b":0\r\n");
    queuer.expect(b"*1\r\n+OK\r\n");
    assert!(list(&mut client).iter().all(|line| field(line, "flags") == "N"));
}

#[test]
fn a_pause_of_writes_holds_scripts_back_unless_they_promise_to_read() {
    let server = Server::start();
    let (mut client, mut plain, mut marked) = (server.client(), server.client(), server.client());
    let (mut plain_queue, mut reading_queue) = (server.client(), server.client());
    let reads = "#!lua flags=no-writes\nreturn 7";
    let library = "#!lua name=f\nredis.register_function{function_name='f', callback=function() return 8 end, \
                   flags={'no-writes'}}";
    client.call(&["FUNCTION", "LOAD", library]);
    for (queue, script) in [(&mut plain_queue, "return 1"), (&mut reading_queue, reads)] {
        queue.ok(&["MULTI"]);
        queue.call(&["EVAL", script, "0"]);
    }
    is_ok(&mut client, "CLIENT PAUSE 100000 WRITE");
    for held in [(&mut plain, "return 1"), (&mut marked, "#!lua\nreturn 1")] {
        held.0.send(&request(&["EVAL", held.1, "0"]));
    }
    plain_queue.send(&pipeline(&["EXEC"]));
    assert_eq!(client.call(&["EVAL", reads, "0"]), Reply::Int(7));
    let sha = client.call(&["SCRIPT", "LOAD", reads]).text();
    assert_eq!(client.call(&["EVALSHA", &sha, "0"]), Reply::Int(7));
    assert_eq!(client.call(&["EVAL_RO", "return 6", "0"]), Reply::Int(6));
    assert_eq!(client.call(&["FCALL", "f", "0"]), Reply::Int(8));
    assert_eq!(reading_queue.call(&["EXEC"]), Reply::Array(vec![Reply::Int(7)]));
    assert!(plain.is_silent_for(Duration::from_millis(50)));
    assert!(marked.is_silent_for(Duration::from_millis(1)));
    assert!(plain_queue.is_silent_for(Duration::from_millis(1)));
    is_ok(&mut client, "CLIENT UNPAUSE");
    plain.expect(b":1\r\n");
    marked.expect(b":1\r\n");
    plain_queue.expect(b"*1\r\n:1\r\n");
}

#[test]
fn a_pause_of_everything_ends_by_itself() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    other.ok(&["SET", "k", "v"]);
    let begun = Instant::now();
    is_ok(&mut client, "CLIENT PAUSE 300");
    // A shorter and weaker one changes nothing.
    client.send(&pipeline(&["CLIENT PAUSE 1 WRITE"]));
    other.send(&pipeline(&["PING"]));
    other.expect(b"+PONG\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(290), "{:?}", begun.elapsed());
    client.expect(b"+OK\r\n");
}

#[test]
fn a_paused_client_can_be_killed_and_may_leave() {
    let server = Server::start();
    let (mut killed, id) = named(&server, "killed");
    let (mut left, _) = named(&server, "left");
    let mut client = server.client();
    is_ok(&mut client, "CLIENT PAUSE 100000 WRITE");
    killed.send(&pipeline(&["SET a 1"]));
    left.send(&pipeline(&["SET b 1"]));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(client.call(&["CLIENT", "KILL", "ID", &id.to_string()]), Reply::Int(1));
    assert_eq!(show(&killed.read_to_close()), "");
    drop(left);
    goes(&mut client, "left");
    is_ok(&mut client, "CLIENT UNPAUSE");
    assert_eq!(client.call(&["EXISTS", "a", "b"]), Reply::Int(0));
}

#[test]
fn keys_do_not_expire_in_a_pause() {
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    // It may not go before the pause begins.
    is_ok(&mut client, "DEBUG SET-ACTIVE-EXPIRE 0");
    client.ok(&["SET", "k", "v", "PX", "30"]);
    is_ok(&mut client, "CLIENT PAUSE 100000 WRITE");
    is_ok(&mut client, "DEBUG SET-ACTIVE-EXPIRE 1");
    std::thread::sleep(Duration::from_millis(150));
    // It counts as gone, but it is still there.
    assert_eq!(client.call(&["GET", "k"]), Reply::Null);
    assert_eq!(client.call(&["DBSIZE"]), Reply::Int(1));
    is_ok(&mut client, "CLIENT UNPAUSE");
    becomes(&mut client, "DBSIZE", &Reply::Int(0));
}

#[test]
fn a_silent_client_is_closed_after_the_timeout() {
    let server = Server::start();
    let (mut silent, _) = named(&server, "silent");
    // It asks the questions as well: on a busy machine anybody else may be silent for too long.
    let (mut subscriber, _) = named(&server, "subscriber");
    subscriber.hello3();
    subscriber.call(&["SUBSCRIBE", "c"]);
    let heard = Instant::now();
    is_ok(&mut silent, "SELECT 0");
    is_ok(&mut subscriber, "CONFIG SET timeout 1");
    assert_eq!(show(&silent.read_to_close()), "");
    assert!(heard.elapsed() >= Duration::from_secs(1), "{:?}", heard.elapsed());
    std::thread::sleep(Duration::from_millis(500));
    let names: Vec<String> =
        list(&mut subscriber).iter().map(|line| field(line, "name").to_owned()).collect();
    assert_eq!(names, ["subscriber"]);
}

#[test]
fn a_reply_beyond_the_hard_limit_is_not_sent() {
    let server = Server::with(&["--client-output-buffer-limit", "normal", "100000", "0", "0"]);
    let (mut greedy, _) = named(&server, "greedy");
    let mut client = server.client();
    client.set(b"small", &vec![b'x'; 10_000]);
    client.set(b"big", &vec![b'x'; 150_000]);
    assert!(matches!(client.call(&["GET", "small"]), Reply::Bulk(_)));
    greedy.send(&pipeline(&["GET big"]));
    assert_eq!(greedy.read_to_close().len(), 0);
    server.wait_for_log("overcoming of output buffer limits");
    // Nor is one that would never end.
    client.call(&["HSET", "hash", "f", "v"]);
    let (mut endless, _) = named(&server, "endless");
    endless.send(&pipeline(&["HRANDFIELD hash -999999999"]));
    assert_eq!(endless.read_to_close().len(), 0);
    // Many small ones in one pipeline are no better.
    let (mut greedy, _) = named(&server, "many");
    greedy.send(&pipeline(&["GET small"; 40]));
    greedy.read_to_close();
    goes(&mut client, "many");
    let stats = client.call(&["INFO", "stats"]).text();
    assert!(stats.contains("client_output_buffer_limit_disconnections:3\r\n"), "{stats}");
}

#[test]
fn a_subscriber_that_lags_behind_is_cut() {
    let args = ["--client-output-buffer-limit", "pubsub", "1000000", "0", "0"];
    let server = Server::with(&args);
    let (mut slow, _) = named(&server, "slow");
    let (mut quick, _) = named(&server, "quick");
    slow.call(&["SUBSCRIBE", "c"]);
    quick.call(&["SUBSCRIBE", "c"]);
    let mut client = server.client();
    let message = "x".repeat(10_000);
    let frame = format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$10000\r\n{message}\r\n");
    let (progress, rounds) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        for _ in 0..40 {
            (0..50).for_each(|_| quick.expect(frame.as_bytes()));
            progress.send(()).expect("somebody waits");
        }
        quick
    });
    // The kernel holds some MB for the slow one; the quick one gets everything.
    for _ in 0..40 {
        (0..50).for_each(|_| drop(client.call(&["PUBLISH", "c", &message])));
        rounds.recv().expect("the quick one reads");
    }
    goes(&mut client, "slow");
    let _quick = reading.join().expect("the quick one reads all");
    assert_eq!(list(&mut client).len(), 2);
    drop(slow);
}

#[test]
fn who_stays_above_the_soft_limit_is_cut() {
    let args = ["--client-output-buffer-limit", "pubsub", "0", "100000", "1"];
    let server = Server::with(&args);
    let (mut slow, _) = named(&server, "slow");
    slow.call(&["SUBSCRIBE", "c"]);
    let mut client = server.client();
    let message = "x".repeat(100_000);
    // More than the sockets on the way can hold; there is no hard limit.
    for _ in 0..200 {
        client.call(&["PUBLISH", "c", &message]);
    }
    goes(&mut client, "slow");
}

#[test]
fn a_password_set_later_concerns_later_connections() {
    let server = Server::start();
    let mut early = server.client();
    is_ok(&mut early, "CONFIG SET requirepass pw");
    early.ok(&["SET", "k", "v"]);
    let mut late = server.client();
    is_error(&mut late, "GET k", "NOAUTH Authentication required.");
    is_ok(&mut early, "CONFIG SET requirepass ");
    assert_eq!(late.call(&["GET", "k"]), Reply::bulk("v"));
}

#[test]
fn the_port_and_the_addresses_can_be_changed() {
    let server = Server::start();
    let mut client = server.client();
    let other = crate::support::free_port();
    is_ok(&mut client, &format!("CONFIG SET port {other}"));
    Client::tcp(other).ok(&["SET", "k", "v"]);
    std::net::TcpStream::connect(("127.0.0.1", server.port())).expect_err("nobody listens any more");
    let reply = client.call(&["CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2"]);
    assert_eq!(reply, Reply::Simple(b"OK".to_vec()));
    std::net::TcpStream::connect(("127.0.0.2", other)).expect("listens there too");
    let taken = crate::support::free_port();
    let _holds = std::net::TcpListener::bind(("127.0.0.1", taken)).expect("the port is free");
    let reply = client.call(&["CONFIG", "SET", "port", &taken.to_string()]);
    assert!(reply.is_error("ERR CONFIG SET failed (possibly related to argument 'port')"), "{reply:?}");
    Client::tcp(other).ok(&["SET", "k", "v"]);
    is_ok(&mut client, "CONFIG SET port 0");
    std::net::TcpStream::connect(("127.0.0.1", other)).expect_err("nobody listens any more");
    client.ok(&["SET", "k", "v"]);
}

#[test]
fn too_few_descriptors_lower_maxclients() {
    let server = {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let port = crate::support::free_port();
        let script = format!(
            "ulimit -n 100; exec {} --port {port} --save '' --dir {}",
            crate::support::server_binary().display(),
            folder.path().display()
        );
        let mut command = crate::support::program("setpriv");
        // Root may raise the limit again: somebody else may not.
        command.args(["--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource", "sh", "-c", &script]);
        Server::spawn(&mut command, folder, port).expect("it starts")
    };
    server.wait_for_log("68");
    assert_eq!(Client::tcp(server.port()).config("maxclients"), "68");
}

#[test]
fn a_client_without_password_that_takes_nothing_is_held_back() {
    if testing_the_reference() {
        return; // Redis has bounded these replies since 7.4.3.
    }
    let server = Server::with(&["--requirepass", "pw"]);
    let mut stuck = server.client();
    let requests = "PING\r\n".repeat(400_000);
    let writing = {
        let mut writer = std::net::TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
        writer.set_nonblocking(true).expect("it can");
        let begun = Instant::now();
        let mut rest = requests.as_bytes();
        while !rest.is_empty() && begun.elapsed() < Duration::from_millis(500) {
            match std::io::Write::write(&mut writer, rest) {
                Ok(count) => rest = &rest[count..],
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        writer
    };
    is_ok(&mut stuck, "AUTH pw");
    for line in list(&mut stuck) {
        let bytes: usize = field(&line, "tot-mem").parse().expect("a number");
        assert!(bytes < 100_000, "{line}");
    }
    drop(writing);
}

/// An address of this machine that isn't loopback, if it has one.
fn outer_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn protected_mode_lets_only_this_host_in() {
    let Some(address) = outer_address() else { return };
    let server = Server::with(&["--bind", "*"]);
    let mut client = server.client();
    let outside = |request: &[u8]| {
        let mut stream = std::net::TcpStream::connect((address, server.port())).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        // It may be closed already.
        let _ = std::io::Write::write(&mut stream, request);
        let mut answer = [0; 7];
        std::io::Read::read_exact(&mut stream, &mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert_eq!(outside(b""), "-DENIED");
    is_ok(&mut client, "CONFIG SET protected-mode no");
    assert_eq!(outside(b"PING\r\n"), "+PONG\r\n");
    is_ok(&mut client, "CONFIG SET protected-mode yes");
    assert_eq!(outside(b""), "-DENIED");
    is_ok(&mut client, "CONFIG SET requirepass pw");
    assert_eq!(outside(b"PING\r\n"), "-NOAUTH");
}
