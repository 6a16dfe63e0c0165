//! The server in this process: connections over socket pairs, as they are served, without a port.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::assemble;
use crate::client::{ClientFlags, TASK_BYTES};
use crate::commands::Server;
use crate::config::Config;
use crate::net::{Connection, Socket};
use crate::pubsub::Kind;

/// A server with default settings and these lines of configuration.
fn server(lines: &str) -> Arc<Server> {
    let mut config = Config::new();
    config.load_text(lines.as_bytes()).expect("the test's configuration is valid");
    assemble(config, 2).expect("no command is renamed")
}

fn connection(server: &Arc<Server>) -> (UnixStream, Connection) {
    let (ours, theirs) = UnixStream::pair().expect("socket pairs can be made");
    let client = server.clients.add("peer:1".into(), "us:2".into(), 0, ClientFlags::UNIX_SOCKET);
    (ours, Connection::new(Arc::clone(server), Socket::from(theirs), client))
}

fn connect(server: &Arc<Server>) -> UnixStream {
    let (ours, connection) = connection(server);
    tokio::spawn(connection.serve());
    ours
}

/// Sends inline commands and expects exactly this answer.
#[track_caller]
fn answers<'a>(
    client: &'a mut UnixStream,
    commands: &'a str,
    expected: &'a str,
) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        client.write_all(commands.as_bytes()).await.expect("the server reads");
        let mut answer = vec![0; expected.len()];
        let read = tokio::time::timeout(Duration::from_secs(60), client.read_exact(&mut answer));
        read.await
            .unwrap_or_else(|_| {
                panic!("{caller}: too little of an answer: {:?}", answer.escape_ascii().to_string())
            })
            .expect("the server answers");
        assert_eq!(String::from_utf8_lossy(&answer), expected, "{caller}");
    }
}

const INTERNAL: &str = "-ERR internal error, see the server log\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_a_command_and_nothing_else() {
    let server = server("");
    let (mut one, mut two) = (connect(&server), connect(&server));
    for command in ["PANIC k", "PANICALL", "PANICLATER", "PANICCOMPUTE"] {
        let pipeline = format!("SET k before\r\n{command}\r\nSET k v\r\nGET k\r\n");
        let expected = format!("+OK\r\n{INTERNAL}+OK\r\n$1\r\nv\r\n");
        answers(&mut one, &pipeline, &expected).await;
        // Neither the key's shard nor the gate is left locked.
        answers(&mut two, "GET k\r\nFLUSHALL\r\nPING\r\n", "$1\r\nv\r\n+OK\r\n+PONG\r\n").await;
    }
    assert_eq!(server.clients.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_ends_leaves_nothing() {
    let server = server("");
    let mut client = connect(&server);
    answers(&mut client, "WATCH k\r\nSUBSCRIBE c\r\n", "+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
        .await;
    assert_eq!((server.clients.len(), server.pubsub.names(Kind::Channel)), (1, 1));
    drop(client);
    while !server.clients.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.pubsub.names(Kind::Channel), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_pile_up_only_so_far_for_a_client_that_takes_none() {
    let server = server("");
    let mut client = connect(&server);
    let value = "x".repeat(1 << 20);
    answers(
        &mut client,
        &format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n", value.len()),
        "+OK\r\n",
    )
    .await;
    client.write_all("GET k\r\n".repeat(60).as_bytes()).await.expect("the server reads");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let held = server.clients.all()[0].memory_bytes();
    // The bound, and what a buffer that grows has in reserve.
    assert!(held < 40 << 20, "{held} bytes are held for a client that takes nothing");
    let mut answers = vec![0; 60 * (value.len() + "$1048576\r\n\r\n".len())];
    client.read_exact(&mut answers).await.expect("all answers come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_client_keeps_no_buffers() {
    let server = server("");
    let mut client = connect(&server);
    answers(&mut client, "PING\r\n", "+PONG\r\n").await;
    let ours = server.clients.all().remove(0);
    let busy = ours.memory_bytes();
    assert!(busy > 16 << 10, "{busy}");
    ours.last_seen_ms.fetch_sub(3000, std::sync::atomic::Ordering::Relaxed);
    server.clients.tend(0, false);
    while ours.memory_bytes() > 4096 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    answers(&mut client, "PING\r\n", "+PONG\r\n").await;
}

#[tokio::test]
async fn a_task_is_as_small_as_client_list_says() {
    let server = server("");
    let (_peer, connection) = connection(&server);
    let size = size_of_val(&connection.serve());
    assert!(size <= TASK_BYTES && size > TASK_BYTES / 2, "{size} bytes");
}
