//! Bytes on the wire as Redis 7.4.1 takes and answers them: inline commands, requests cut anywhere, pipelines,
//! limits and the `Protocol error` texts, what a client without a password may send, what crosses protocols.

use std::time::Duration;

use crate::support::{Client, Reply, Server, pipeline, show, wait_until};

/// Sends `request` on a new connection and expects exactly `answer`, the connection staying open.
#[track_caller]
fn answers(server: &Server, request: &[u8], answer: &[u8]) {
    let mut client = server.client();
    client.send(request);
    // QUIT's own answer marks the end of what the request caused.
    client.send(b"QUIT\r\n");
    let got = show(&client.read_to_close());
    assert_eq!(got, show(&[answer, b"+OK\r\n"].concat()), "to {}", show(request));
}

/// Sends `request` on a new connection and expects exactly `answer`, then the end of the connection.
#[track_caller]
fn answers_and_closes(server: &Server, request: &[u8], answer: &[u8]) {
    let mut client = server.client();
    client.send_to_maybe_closed(request);
    assert_eq!(show(&client.read_to_close()), show(answer), "to {}", show(request));
}

#[track_caller]
fn protocol_error(server: &Server, request: &[u8], text: &str) {
    answers_and_closes(server, request, format!("-ERR Protocol error: {text}\r\n").as_bytes());
}

#[test]
fn inline_commands() {
    let server = Server::start();
    answers(&server, b"PING\r\n", b"+PONG\r\n");
    answers(&server, b"PING\n", b"+PONG\r\n");
    answers(&server, b"  SET  k \t v  \r\nGET k\r\n", b"+OK\r\n$1\r\nv\r\n");
    answers(&server, b"\r\n\n  \r\nPING\r\n", b"+PONG\r\n");
    answers(&server, b"SET k \"\"\r\nGET k\r\n", b"+OK\r\n$0\r\n\r\n");
    answers(&server, b"SET k \"a b\\x41\\n\\t\\\"q\\q\"\r\nGET k\r\n", b"+OK\r\n$9\r\na bA\n\t\"qq\r\n");
    answers(&server, b"SET k 'it\\'s \\n'\r\nGET k\r\n", b"+OK\r\n$7\r\nit's \\n\r\n");
}

#[test]
fn inline_quotes_must_balance() {
    let server = Server::start();
    for request in ["SET k \"abc\r\n", "SET k 'abc\r\n", "SET k \"a\"b\r\n", "SET k 'a'b\r\n"] {
        protocol_error(&server, request.as_bytes(), "unbalanced quotes in request");
    }
}

#[test]
fn requests_without_arguments_are_passed_over() {
    let server = Server::start();
    answers(&server, b"*0\r\nPING\r\n", b"+PONG\r\n");
    answers(&server, b"*-1\r\n*-10\r\n*1\r\n$4\r\nPING\r\n", b"+PONG\r\n");
}

#[test]
fn the_two_bytes_after_a_bulk_are_not_looked_at() {
    let server = Server::start();
    answers(&server, b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", b"+PONG\r\n+PONG\r\n");
}

#[test]
fn malformed_requests_get_an_error_and_the_door() {
    let server = Server::start();
    for count in ["3000000000", "2147483648", "abc", "1 ", "", "+1", "0x1"] {
        protocol_error(&server, format!("*{count}\r\n").as_bytes(), "invalid multibulk length");
    }
    for length in ["abc", "-1", "536870913", "", "9223372036854775808", "1 "] {
        protocol_error(&server, format!("*1\r\n${length}\r\n").as_bytes(), "invalid bulk length");
    }
    protocol_error(&server, b"*1\r\nPING\r\n", "expected '$', got 'P'");
    protocol_error(&server, b"*1\r\n\r\n", "expected '$', got ' '");
    let after_a_good_one = b"PING\r\n*1\r\nX\r\nPING\r\n";
    answers_and_closes(&server, after_a_good_one, b"+PONG\r\n-ERR Protocol error: expected '$', got 'X'\r\n");
}

#[test]
fn lines_are_limited_to_64_kb() {
    let server = Server::start();
    let long = "1".repeat(66 * 1024);
    protocol_error(&server, long.as_bytes(), "too big inline request");
    protocol_error(&server, format!("*{long}").as_bytes(), "too big mbulk count string");
    protocol_error(&server, format!("*1\r\n${long}").as_bytes(), "too big bulk count string");
    let fits = "x".repeat(63 * 1024);
    answers(&server, format!("SET k {fits}\r\nSTRLEN k\r\n").as_bytes(), b"+OK\r\n:64512\r\n");
}

#[test]
fn a_bulk_may_be_as_long_as_proto_max_bulk_len() {
    let server = Server::with(&["--proto-max-bulk-len", "2mb"]);
    let mut client = server.client();
    let fits = vec![b'x'; 2 << 20];
    client.set(b"k", &fits);
    protocol_error(&server, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097153\r\n", "invalid bulk length");
    client.ok(&["CONFIG", "SET", "proto-max-bulk-len", "4mb"]);
    let longer = vec![b'x'; 3 << 20];
    client.set(b"k", &longer);
}

#[test]
fn a_query_buffer_may_be_as_long_as_client_query_buffer_limit() {
    let server = Server::with(&["--client-query-buffer-limit", "1mb"]);
    let mut client = server.client();
    client.set(b"k", &vec![b'x'; 500 << 10]);
    client.send_to_maybe_closed(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4194304\r\n");
    client.send_to_maybe_closed(&vec![b'y'; 4 << 20]);
    client.send_to_maybe_closed(b"\r\n");
    assert_eq!(show(&client.read_to_close()), "");
    assert_eq!(server.client().call(&["STRLEN", "k"]), Reply::Int(500 << 10));
}

#[test]
fn the_log_shows_no_user_data_if_told_so() {
    for (hides, shown) in [
        ("no", "(qbuf initial bytes: \"*3\\r\\n$3\\r\\nSET"),
        ("yes", "(qbuf initial bytes: \"*redacted*\")"),
    ] {
        let options = ["--client-query-buffer-limit", "1mb", "--hide-user-data-from-log", hides];
        let server = Server::with(&options);
        let mut client = server.client();
        client.send_to_maybe_closed(b"*3\r\n$3\r\nSET\r\n$6\r\nsecret\r\n$4194304\r\n");
        client.send_to_maybe_closed(&vec![b'y'; 4 << 20]);
        client.read_to_close();
        server.wait_for_log("qbuf initial bytes");
        let log = server.log();
        assert!(log.contains(shown) && log.contains("secret") == (hides == "no"), "{log}");
    }
}

#[test]
fn a_client_without_password_is_kept_small() {
    let server = Server::with(&["--requirepass", "pw"]);
    protocol_error(&server, b"*11\r\n", "unauthenticated multibulk length");
    protocol_error(&server, b"*1\r\n$16385\r\n", "unauthenticated bulk length");
    let ten = ["ECHO"; 10].join(" ");
    answers(&server, &pipeline(&[ten]), b"-ERR wrong number of arguments for 'echo' command\r\n");
    let most = format!("ECHO {}", "x".repeat(16384));
    answers(&server, &pipeline(&[most]), b"-NOAUTH Authentication required.\r\n");
    let mut client = server.client();
    client.ok(&["AUTH", "pw"]);
    let eleven = ["DEL"; 11].join(" ");
    client.send(&pipeline(&[eleven]));
    client.expect(b":0\r\n");
    client.set(b"k", &vec![b'x'; 16385]);
}

#[test]
fn what_answers_without_password() {
    let server = Server::with(&["--requirepass", "pw"]);
    let noauth = b"-NOAUTH Authentication required.\r\n";
    for request in ["PING\r\n", "GET k\r\n", "COMMAND COUNT\r\n", "INFO\r\n"] {
        answers(&server, request.as_bytes(), noauth);
    }
    let wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    for request in ["AUTH no\r\n", "AUTH bob pw\r\n", "AUTH default no\r\n"] {
        answers(&server, request.as_bytes(), wrong);
    }
    answers(&server, b"AUTH a b c\r\n", b"-ERR syntax error\r\n");
    answers(&server, b"AUTH\r\n", b"-ERR wrong number of arguments for 'auth' command\r\n");
    answers(&server, b"AUTH pw\r\nPING\r\n", b"+OK\r\n+PONG\r\n");
    answers(&server, b"AUTH default pw\r\nPING\r\n", b"+OK\r\n+PONG\r\n");
    answers(&server, b"RESET\r\n", b"+RESET\r\n");
    answers(&server, b"AUTH pw\r\nRESET\r\nPING\r\n", &[b"+OK\r\n+RESET\r\n", noauth.as_slice()].concat());
    answers(&server, b"FOO\r\n", b"-ERR unknown command 'FOO', with args beginning with: \r\n");
    answers(&server, b"GET\r\n", b"-ERR wrong number of arguments for 'get' command\r\n");
}

#[test]
fn a_password_where_none_is_set() {
    let server = Server::start();
    let answer = "-ERR AUTH <password> called without any password configured for the default user. \
                  Are you sure your configuration is correct?\r\n";
    answers(&server, b"AUTH x\r\n", answer.as_bytes());
    answers(&server, b"AUTH default x\r\n", b"+OK\r\n");
}

#[test]
fn http_requests_are_refused() {
    let server = Server::start();
    for request in [
        "POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n",
        "post /\r\nSET a b\r\n",
        "Host: localhost\r\nSET a b\r\n",
        "*1\r\n$4\r\nPOST\r\nSET a b\r\n",
    ] {
        answers_and_closes(&server, request.as_bytes(), b"");
    }
    assert_eq!(server.client().call(&["EXISTS", "a"]), Reply::Int(0));
    server.wait_for_log("SECURITY ATTACK");
}

#[test]
fn unknown_commands_are_named_in_safe_text() {
    let server = Server::start();
    answers(&server, b"*1\r\n$0\r\n\r\n", b"-ERR unknown command '', with args beginning with: \r\n");
    answers(&server, b"FOO a b\r\n", b"-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n");
    let with_line_end = b"*2\r\n$3\r\nFOO\r\n$4\r\na\r\nb\r\n";
    answers(&server, with_line_end, b"-ERR unknown command 'FOO', with args beginning with: 'a  b' \r\n");
    assert!(server.client().call(&[b"\xff"]).is_error("ERR unknown command '"));
    let long = format!("FOO {} b\r\n", "a".repeat(200));
    let cut = format!("-ERR unknown command 'FOO', with args beginning with: '{}' \r\n", "a".repeat(128));
    answers(&server, long.as_bytes(), cut.as_bytes());
    let long_name = format!("{}\r\n", "F".repeat(200));
    let cut = format!("-ERR unknown command '{}', with args beginning with: \r\n", "F".repeat(128));
    answers(&server, long_name.as_bytes(), cut.as_bytes());
}

#[test]
fn quit_answers_and_closes_and_runs_nothing_after() {
    let server = Server::start();
    answers_and_closes(&server, b"SET k 1\r\nQUIT\r\nSET k 2\r\nPING\r\n", b"+OK\r\n+OK\r\n");
    assert_eq!(server.client().call(&["GET", "k"]), Reply::bulk("1"));
}

#[test]
fn a_client_that_stops_writing_still_changed_the_data() {
    let server = Server::start();
    let mut client = server.client();
    let lines: Vec<String> = (0..10_000).map(|_| "INCR k".to_owned()).collect();
    client.send(&pipeline(&lines));
    client.finish_writing();
    client.read_to_close();
    assert_eq!(server.client().call(&["GET", "k"]), Reply::bulk("10000"));
}

#[test]
fn requests_may_be_cut_at_every_byte() {
    let server = Server::start();
    let mut request = b"PING\r\nSET k \"a b\"\r\n".to_vec();
    request.extend_from_slice(&pipeline(&["GET k", "SET key:with:a:longer:name value", "ECHO x", "NOPE"]));
    request.extend_from_slice(b"*0\r\n\r\nPING\r\n");
    let answer = b"+PONG\r\n+OK\r\n$3\r\na b\r\n+OK\r\n$1\r\nx\r\n\
        -ERR unknown command 'NOPE', with args beginning with: \r\n+PONG\r\n";
    let mut client = server.client();
    for cut in 1..request.len() {
        client.send(&request[..cut]);
        std::thread::sleep(Duration::from_millis(1));
        client.send(&request[cut..]);
        client.expect(answer);
    }
    for byte in &request {
        client.send(&[*byte]);
    }
    client.expect(answer);
    assert!(client.is_silent_for(Duration::from_millis(50)));
}

#[test]
fn long_pipelines_are_answered_in_order() {
    let server = Server::start();
    let count = 100_000;
    let lines: Vec<String> = (0..count).map(|i| format!("ECHO {i}")).collect();
    let replies = server.client().exchange(pipeline(&lines), count);
    for (i, reply) in replies.iter().enumerate() {
        assert_eq!(*reply, Reply::bulk(&i.to_string()));
    }
}

/// Requests of a batch are looked up together, and a name may mean another command than it did just before.
#[test]
fn each_request_of_a_pipeline_is_looked_up_by_itself() {
    let server = Server::start();
    let request = pipeline(&[
        "CLIENT SETNAME me",
        "CLIENT SETINFO LIB-NAME lib",
        "CLIENT NOPE",
        "CLIENT GETNAME",
        "client setname you",
        "CLIENT",
        "STRLEN k",
        "strlen k l",
        "STRLENX k",
        "PING",
    ]);
    let replies = server.client().exchange(request, 10);
    let text = |reply: &Reply| if let Reply::Int(n) = reply { n.to_string() } else { reply.text() };
    let texts: Vec<String> = replies.iter().map(text).collect();
    let expected = [
        "OK",
        "OK",
        "ERR unknown subcommand 'NOPE'. Try CLIENT HELP.",
        "me",
        "OK",
        "ERR wrong number of arguments for 'client' command",
        "0",
        "ERR wrong number of arguments for 'strlen' command",
        "ERR unknown command 'STRLENX', with args beginning with: 'k' ",
        "PONG",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn pipelines_of_several_clients_do_not_mix() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for who in 0..8 {
            let mut client = server.client();
            scope.spawn(move || {
                let lines: Vec<String> = (0..2000)
                    .flat_map(|i| [format!("SET {who}:{i} {who}-{i}"), format!("GET {who}:{i}")])
                    .collect();
                let replies = client.exchange(pipeline(&lines), lines.len());
                for (i, pair) in replies.chunks_exact(2).enumerate() {
                    assert_eq!(pair[1], Reply::bulk(&format!("{who}-{i}")));
                }
            });
        }
    });
    assert_eq!(server.client().call(&["DBSIZE"]), Reply::Int(16_000));
}

#[test]
fn large_values_come_back_as_they_went() {
    let server = Server::start();
    let mut client = server.client();
    let value: Vec<u8> = (0..20_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    client.set(b"big", &value);
    let Reply::Bulk(got) = client.call(&["GET", "big"]) else { panic!("not a bulk") };
    assert!(got == value, "20 MB came back changed");
    let many = client.exchange(pipeline(&["GET big"; 5]), 5);
    assert!(many.iter().all(|reply| *reply == Reply::Bulk(value.clone())));
}

#[test]
fn keys_and_values_hold_any_bytes() {
    let server = Server::start();
    let mut client = server.client();
    let all: Vec<u8> = (0..=255).collect();
    for key in [&b""[..], b"\0", b"\r\n", b"$1\r\nx\r\n", &all] {
        client.set(key, &all);
        assert_eq!(client.call(&[b"GET", key]), Reply::Bulk(all.clone()));
    }
    assert_eq!(client.call(&["DBSIZE"]), Reply::Int(5));
}

#[test]
fn a_slow_reader_gets_everything() {
    let server = Server::start();
    let mut client = server.client();
    client.set(b"k", &vec![b'x'; 1 << 20]);
    client.send(&pipeline(&["GET k"; 64]));
    // Far more than socket buffers hold waits in the server meanwhile; others are served.
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.client().call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
    for _ in 0..64 {
        assert!(matches!(client.read().0, Reply::Bulk(value) if value.len() == 1 << 20));
    }
}

#[test]
fn maxclients_turns_away_the_next_one() {
    let server = Server::with(&["--maxclients", "3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
    for client in &mut clients {
        client.ok(&["SET", "k", "v"]);
    }
    answers_and_closes(&server, b"", b"-ERR max number of clients reached\r\n");
    clients.pop();
    wait_until("gone", || clients[0].call(&["CLIENT", "LIST"]).text().lines().count() == 2);
    server.client().ok(&["SET", "k", "w"]);
}
