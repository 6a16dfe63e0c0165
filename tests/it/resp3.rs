//! HELLO in all its forms, and each kind of reply in RESP2 and RESP3.

use crate::support::{Client, Reply, Server, show};

const NOAUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> \
                      AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol \
                      version at the same time";
const WRONGPASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";

#[track_caller]
fn greeted(client: &mut Client, args: &[&str], protocol: i64) {
    let greeting = client.call(args);
    assert_eq!(matches!(greeting, Reply::Map(_)), protocol == 3, "{greeting:?}");
    let expected = [("server", "redis"), ("version", "7.4.1"), ("mode", "standalone"), ("role", "master")];
    for (key, value) in expected {
        assert_eq!(greeting.get(key), Some(Reply::bulk(value)), "{key}");
    }
    assert_eq!(greeting.get("proto"), Some(Reply::Int(protocol)));
    assert_eq!(greeting.get("modules"), Some(Reply::Array(vec![])));
    assert_eq!(greeting.get("id"), Some(client.call(&["CLIENT", "ID"])));
}

#[test]
fn hello_greets_and_switches() {
    let server = Server::start();
    let mut client = server.client();
    greeted(&mut client, &["HELLO"], 2);
    greeted(&mut client, &["HELLO", "2"], 2);
    greeted(&mut client, &["HELLO", "3"], 3);
    greeted(&mut client, &["HELLO"], 3);
    assert_eq!(show(&client.raw(&["GET", "none"])), "_\\r\\n");
    let greeting = client.raw(&["HELLO", "2"]);
    assert!(greeting.starts_with(b"*14\r\n"), "{}", show(&greeting));
    assert_eq!(show(&client.raw(&["GET", "none"])), "$-1\\r\\n");
}

#[test]
fn hello_keeps_the_order_of_its_fields() {
    let server = Server::start();
    let keys = |reply: Reply| reply.items().chunks_exact(2).map(|pair| pair[0].text()).collect::<Vec<_>>();
    let order = ["server", "version", "proto", "id", "mode", "role", "modules"];
    assert_eq!(keys(server.client().call(&["HELLO", "2"])), order);
    assert_eq!(keys(server.client().hello3()), order);
}

#[test]
fn hello_options() {
    let server = Server::start();
    let mut client = server.client();
    greeted(&mut client, &["HELLO", "3", "SETNAME", "x"], 3);
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), Reply::bulk("x"));
    greeted(&mut client, &["hello", "2", "setname", "a", "setname", "b", "auth", "default", "x"], 2);
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), Reply::bulk("b"));
}

#[test]
fn hello_errors_change_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let cases: [(&[&str], &str); 10] = [
        (&["HELLO", "4"], "NOPROTO unsupported protocol version"),
        (&["HELLO", "1"], "NOPROTO unsupported protocol version"),
        (&["HELLO", "abc"], "ERR Protocol version is not an integer or out of range"),
        (&["HELLO", "3", "foo"], "ERR Syntax error in HELLO option 'foo'"),
        (&["HELLO", "3", "AUTH", "default"], "ERR Syntax error in HELLO option 'AUTH'"),
        (&["HELLO", "3", "SETNAME"], "ERR Syntax error in HELLO option 'SETNAME'"),
        (&["HELLO", "3", "AUTH", "nobody", "x"], WRONGPASS),
        (
            &["HELLO", "3", "SETNAME", "a b"],
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ),
        (&["HELLO", "3", "SETNAME", "ok", "foo"], "ERR Syntax error in HELLO option 'foo'"),
        (&["HELLO", "3", "SETNAME", "ok", "AUTH", "nobody", "x"], WRONGPASS),
    ];
    for (args, error) in cases {
        assert_eq!(client.call(args), Reply::Error(error.to_owned()), "{args:?}");
        assert_eq!(show(&client.raw(&["CLIENT", "GETNAME"])), "$-1\\r\\n", "after {args:?}");
    }
}

#[test]
fn hello_with_a_password() {
    let server = Server::with(&["--requirepass", "pw"]);
    let mut client = server.client();
    for args in [&["HELLO"][..], &["HELLO", "3"], &["HELLO", "3", "SETNAME", "x"]] {
        assert_eq!(client.call(args), Reply::Error(NOAUTH.to_owned()), "{args:?}");
    }
    assert_eq!(client.call(&["HELLO", "9"]), Reply::Error("NOPROTO unsupported protocol version".to_owned()));
    assert_eq!(client.call(&["HELLO", "3", "AUTH", "default", "no"]), Reply::Error(WRONGPASS.to_owned()));
    greeted(&mut client, &["HELLO", "3", "AUTH", "default", "pw"], 3);
    client.ok(&["SET", "k", "v"]);
}

/// What DEBUG PROTOCOL sends for a kind in RESP2 and in RESP3.
const KINDS: [(&str, &str, &str); 10] = [
    ("string", "$11\r\nHello World\r\n", "$11\r\nHello World\r\n"),
    ("integer", ":12345\r\n", ":12345\r\n"),
    ("double", "$5\r\n3.141\r\n", ",3.141\r\n"),
    ("null", "$-1\r\n", "_\r\n"),
    ("array", "*3\r\n:0\r\n:1\r\n:2\r\n", "*3\r\n:0\r\n:1\r\n:2\r\n"),
    ("set", "*3\r\n:0\r\n:1\r\n:2\r\n", "~3\r\n:0\r\n:1\r\n:2\r\n"),
    ("map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"),
    ("verbatim", "$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n"),
    ("true", ":1\r\n", "#t\r\n"),
    ("false", ":0\r\n", "#f\r\n"),
];

const AFTER_ATTRIBUTE: &str = "$39\r\nSome real reply following the attribute\r\n";
const ATTRIBUTE: &str = "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n";
const BIG_NUMBER: &str = "1234567999999999999999999999999999999";

#[test]
fn each_kind_of_reply_in_both_protocols() {
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let (mut two, mut three) = (server.client(), server.client());
    three.hello3();
    for (kind, resp2, resp3) in KINDS {
        assert_eq!(show(&two.raw(&["DEBUG", "PROTOCOL", kind])), show(resp2.as_bytes()), "{kind}");
        assert_eq!(show(&three.raw(&["DEBUG", "PROTOCOL", kind])), show(resp3.as_bytes()), "{kind}");
    }
    let bignum = format!("${}\r\n{BIG_NUMBER}\r\n", BIG_NUMBER.len());
    assert_eq!(show(&two.raw(&["DEBUG", "PROTOCOL", "bignum"])), show(bignum.as_bytes()));
    assert_eq!(three.call(&["DEBUG", "PROTOCOL", "bignum"]), Reply::BigNumber(BIG_NUMBER.to_owned()));
    two.send(b"DEBUG PROTOCOL attrib\r\n");
    two.expect(AFTER_ATTRIBUTE.as_bytes());
    three.send(b"DEBUG PROTOCOL attrib\r\n");
    three.expect([ATTRIBUTE, AFTER_ATTRIBUTE].concat().as_bytes());
    three.send(b"DEBUG PROTOCOL push\r\n");
    three.expect(
        b"$40\r\nSome real reply following the push reply\r\n>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n",
    );
}

#[test]
fn info_is_verbatim_text() {
    let server = Server::start();
    let mut client = server.client();
    let Reply::Bulk(plain) = client.call(&["INFO", "server"]) else { panic!("a bulk in RESP2") };
    assert!(plain.starts_with(b"# Server\r\nredis_version:7.4.1\r\n"), "{}", show(&plain));
    client.hello3();
    let Reply::Verbatim(format, text) = client.call(&["INFO", "server"]) else { panic!("verbatim in RESP3") };
    assert_eq!(format, "txt");
    assert!(text.starts_with(b"# Server\r\nredis_version:7.4.1\r\n"), "{}", show(&text));
}

#[test]
fn maps_in_resp3_are_flat_arrays_in_resp2() {
    let server = Server::start();
    let mut client = server.client();
    let expected = "*2\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n";
    assert_eq!(show(&client.raw(&["CONFIG", "GET", "maxclients"])), show(expected.as_bytes()));
    client.hello3();
    let expected = "%1\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n";
    assert_eq!(show(&client.raw(&["CONFIG", "GET", "maxclients"])), show(expected.as_bytes()));
}

#[test]
fn reset_goes_back_to_resp2() {
    let server = Server::start();
    let mut client = server.client();
    client.call(&["HELLO", "3", "SETNAME", "x"]);
    client.ok(&["SELECT", "5"]);
    client.send(b"RESET\r\nGET none\r\nCLIENT GETNAME\r\nSET k v\r\nSELECT 0\r\nGET k\r\n");
    client.expect(b"+RESET\r\n$-1\r\n$-1\r\n+OK\r\n+OK\r\n$1\r\nv\r\n");
}
