//! Users over sockets: logging in, what they may do, who is cut off, files.

use std::fs;
use std::process::Command;

use crate::support::{Client, Reply, Server, request, run, server_binary, show, testing_the_reference};

/// A connection as this user, with any password.
fn login(server: &Server, user: &str) -> Client {
    let mut client = server.client();
    client.ok(&["AUTH", user, "pw"]);
    client
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

#[track_caller]
fn expect(client: &mut Client, command: &str, reply: &str) {
    let raw = client.raw(&words(command));
    assert_eq!(show(&raw).replace("\\'", "'"), format!("{reply}\\r\\n"), "{command}");
}

const NO_KEY: &str = "-NOPERM No permissions to access a key";
const NO_CHANNEL: &str = "-NOPERM No permissions to access a channel";

#[test]
fn users_may_do_what_their_rules_say() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw +@read +set +acl|whoami +select|0 %R~r* %W~w* ~rw* &n*"));
    expect(&mut admin, "AUTH u wrong", "-WRONGPASS invalid username-password pair or user is disabled.");
    let mut user = login(&server, "u");
    for (command, reply) in [
        ("ACL WHOAMI", "$1\\r\\nu"),
        ("GET r1", "$-1"),
        ("GET w1", NO_KEY),
        ("SET w1 v", "+OK"),
        ("SET w1 v GET", NO_KEY),
        ("SET rw1 v GET", "$-1"),
        ("SELECT 0", "+OK"),
        ("SELECT 1", "-NOPERM User u has no permissions to run the 'select' command"),
        ("ACL LIST", "-NOPERM User u has no permissions to run the 'acl|list' command"),
        ("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: "),
        ("PUBLISH n x", "-NOPERM User u has no permissions to run the 'publish' command"),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("MGET r1 x", NO_KEY),
        ("AUTH default any", "+OK"),
        ("ACL WHOAMI", "$7\\r\\ndefault"),
    ] {
        expect(&mut user, command, reply);
    }
    // A change is seen by connections that are there.
    let mut user = login(&server, "u");
    admin.ok(&words("ACL SETUSER u +publish -get"));
    expect(&mut user, "PUBLISH n x", ":0");
    expect(&mut user, "PUBLISH o x", NO_CHANNEL);
    expect(&mut user, "GET r1", "-NOPERM User u has no permissions to run the 'get' command");
    expect(&mut admin, "CLIENT KILL USER nobody", "-ERR No such user 'nobody'");
    expect(&mut admin, "CLIENT KILL USER u", ":1");
    assert!(user.read_to_close().is_empty());
}

#[test]
fn a_change_in_a_pipeline_counts_for_what_follows() {
    let server = Server::start();
    let mut client = server.client();
    client.ok(&words("ACL SETUSER u on nopass ~* +@all"));
    let pipeline: Vec<u8> = ["AUTH u x", "SET k v", "ACL SETUSER u -set", "SET k w", "GET k"]
        .iter()
        .flat_map(|command| request(&words(command)))
        .collect();
    let replies = client.exchange(pipeline, 5);
    assert!(replies[3].is_error("NOPERM"), "{replies:?}");
    assert_eq!(replies[4], Reply::bulk("v"));
}

#[test]
fn transactions_are_checked_twice() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw ~k* +@all -del"));
    let mut user = login(&server, "u");
    user.ok(&["MULTI"]);
    expect(&mut user, "SET other v", NO_KEY);
    expect(&mut user, "EXEC", "-EXECABORT Transaction discarded because of previous errors.");
    user.ok(&["MULTI"]);
    for command in ["SET k v", "INCR kn", "SET k2 v"] {
        expect(&mut user, command, "+QUEUED");
    }
    admin.ok(&words("ACL SETUSER u -incr"));
    let changed = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
                   This command is no longer allowed for the following reason: no permission to execute the command \
                   or subcommand";
    let ok = || Reply::Simple(b"OK".to_vec());
    assert_eq!(user.call(&["EXEC"]), Reply::Array(vec![ok(), Reply::Error(changed.to_owned()), ok()]));
    let entry = &admin.call(&["ACL", "LOG", "1"]).items()[0];
    let field = |name| entry.get(name).map(|value: Reply| value.text()).unwrap_or_default();
    assert_eq!([field("context"), field("reason"), field("object")], ["multi", "command", "incr"]);
    assert!(field("client-info").contains(" cmd=exec user=u "), "{entry:?}");
}

#[test]
fn scripts_may_do_what_their_caller_may() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw ~k* +@all -incr"));
    let mut user = login(&server, "u");
    let mut eval = |script: &str| user.call(&["EVAL", script, "0"]);
    assert!(eval("return redis.call('set','k','v')") == Reply::Simple(b"OK".to_vec()));
    let refused = eval("return redis.call('set','x','v')");
    assert!(refused.is_error("ERR ACL failure in script: No permissions to access a key"), "{refused:?}");
    let refused = eval("return redis.pcall('incr','k')['err']");
    let text = "ERR ACL failure in script: User u has no permissions to run the 'incr' command";
    assert_eq!(refused.text(), text);
    assert_eq!(eval("return redis.acl_check_cmd('set','k','v')"), Reply::Int(1));
    assert_eq!(eval("return redis.acl_check_cmd('set','x','v')"), Reply::Null);
    let entry = &admin.call(&["ACL", "LOG", "1"]).items()[0];
    assert_eq!(entry.get("context").map(|value| value.text()).as_deref(), Some("lua"));
}

#[test]
fn a_deleted_user_is_cut_off() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw +@all ~* &*"));
    let (mut other, mut own) = (login(&server, "u"), login(&server, "u"));
    // Whoever deletes itself still gets the answer, and nothing more.
    own.send(&[request(&words("ACL DELUSER u nobody")), request(&["PING"])].concat());
    assert_eq!(show(&own.read_to_close()), ":1\\r\\n");
    assert!(other.read_to_close().is_empty());
    expect(&mut admin, "ACL DELUSER default", "-ERR The 'default' user cannot be removed");
    if testing_the_reference() {
        // There the rest of the transaction runs as the default user.
        return;
    }
    // In a transaction nothing is done on behalf of somebody else.
    admin.ok(&words("ACL SETUSER u on >pw +@all ~* &*"));
    let mut own = login(&server, "u");
    let commands = ["MULTI", "ACL DELUSER u", "SET k v", "EXEC"];
    own.send(&commands.iter().flat_map(|command| request(&words(command))).collect::<Vec<u8>>());
    assert!(show(&own.read_to_close()).contains("*2\\r\\n:1\\r\\n-NOPERM"));
    expect(&mut admin, "EXISTS k", ":0");
}

#[test]
fn subscribers_who_lose_their_channels_are_cut_off() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw +@all &a &b*"));
    let mut keeps = login(&server, "u");
    keeps.send(&request(&["SUBSCRIBE", "b1"]));
    keeps.expect(b"*3\r\n$9\r\nsubscribe\r\n$2\r\nb1\r\n:1\r\n");
    let mut loses = login(&server, "u");
    loses.send(&request(&["PSUBSCRIBE", "a"]));
    loses.expect(b"*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n");
    admin.ok(&words("ACL SETUSER u resetchannels &b*"));
    assert!(loses.read_to_close().is_empty());
    expect(&mut admin, "PUBLISH b1 x", ":1");
    keeps.expect(b"*3\r\n$7\r\nmessage\r\n$2\r\nb1\r\n$1\r\nx\r\n");
}

#[test]
fn a_blocked_client_is_asked_again() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw +@all ~*"));
    let mut user = login(&server, "u");
    server.block(&mut user, "BLPOP k 0");
    admin.ok(&words("ACL SETUSER u resetkeys ~other"));
    expect(&mut admin, "RPUSH k v", ":1");
    user.expect(format!("{NO_KEY}\r\n").as_bytes());
    expect(&mut admin, "LLEN k", ":1");
}

#[test]
fn patterns_of_sort_need_all_keys() {
    let server = Server::start();
    let mut admin = server.client();
    expect(&mut admin, "RPUSH l 1", ":1");
    admin.ok(&words("ACL SETUSER u on >pw +sort ~l ~w*"));
    let mut user = login(&server, "u");
    let denied = |option| format!("-ERR {option} option of SORT denied due to insufficient ACL permissions.");
    expect(&mut user, "SORT l BY w*", &denied("BY"));
    expect(&mut user, "SORT l GET #", &denied("GET"));
    expect(&mut user, "SORT l BY nosort", "*1\\r\\n$1\\r\\n1");
    admin.ok(&words("ACL SETUSER u %R~*"));
    expect(&mut user, "SORT l BY w* GET #", "*1\\r\\n$1\\r\\n1");
}

#[test]
fn the_key_that_is_written_is_the_one_that_is_checked() {
    if testing_the_reference() {
        // There the first STORE is checked and the last one is followed.
        return;
    }
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw +@all %R~r %W~w"));
    let mut user = login(&server, "u");
    expect(&mut user, "GEORADIUS r 0 0 1 m STORE w", ":0");
    expect(&mut user, "GEORADIUS r 0 0 1 m STORE w STORE other", NO_KEY);
}

#[test]
fn the_password_of_the_default_user() {
    let server = Server::with(&["--requirepass", "pw"]);
    let mut client = server.client();
    expect(&mut client, "PING", "-NOAUTH Authentication required.");
    expect(&mut client, "AUTH x", "-WRONGPASS invalid username-password pair or user is disabled.");
    client.ok(&["AUTH", "pw"]);
    client.ok(&["ACL", "SETUSER", "default", ">second"]);
    server.client().ok(&["AUTH", "default", "second"]);
    // requirepass is all of the default user's passwords.
    client.ok(&["CONFIG", "SET", "requirepass", "third"]);
    let mut other = server.client();
    assert!(other.call(&["AUTH", "second"]).is_error("WRONGPASS"));
    other.ok(&["AUTH", "third"]);
    client.ok(&["ACL", "SETUSER", "default", "off"]);
    assert!(server.client().call(&["AUTH", "third"]).is_error("WRONGPASS"));
    expect(&mut client, "PING", "+PONG");
}

#[test]
fn users_outlive_a_restart_in_the_configuration() {
    let config = "user default on nopass ~* &* +@all\nuser ann on >pw ~a* +get +config (+set ~b*)\n";
    let server = Server::with_config(config, &[]);
    let mut ann = login(&server, "ann");
    expect(&mut ann, "GET a", "$-1");
    expect(&mut ann, "SET a v", NO_KEY);
    expect(&mut ann, "SET b v", "+OK");
    ann.ok(&["CONFIG", "REWRITE"]);
    let rewritten = fs::read_to_string(server.folder().join("redis.conf")).unwrap();
    let hash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";
    let line = format!(
        "user ann on sanitize-payload #{hash} ~a* resetchannels -@all +get +config (~b* resetchannels -@all +set)"
    );
    assert!(rewritten.lines().any(|known| known == line), "{rewritten}");
    let again = Server::with_config(&rewritten, &[]);
    expect(&mut login(&again, "ann"), "GET a", "$-1");
}

#[test]
fn users_in_a_file() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let file = folder.path().join("users.acl");
    fs::write(&file, "user ann on nopass ~* +@all &a\n").unwrap();
    let server = Server::with(&["--aclfile", &file.display().to_string()]);
    // A default user that the file lacks is as if nothing were configured.
    let (mut admin, mut ann) = (server.client(), login(&server, "ann"));
    admin.ok(&words("ACL SETUSER bob on nopass +@all"));
    admin.ok(&["ACL", "SAVE"]);
    let saved = "user ann on nopass sanitize-payload ~* resetchannels &a +@all\n\
                 user bob on nopass sanitize-payload resetchannels +@all\n\
                 user default on nopass sanitize-payload ~* &* +@all\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), saved);
    fs::write(&file, "user ann on nopass ~* +@all\nuser x").unwrap();
    let mut bob = login(&server, "bob");
    ann.send(&request(&["SUBSCRIBE", "a"]));
    ann.expect(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    admin.ok(&["ACL", "LOAD"]);
    assert!(ann.read_to_close().is_empty() && bob.read_to_close().is_empty());
    expect(&mut admin, "ACL USERS", "*3\\r\\n$3\\r\\nann\\r\\n$7\\r\\ndefault\\r\\n$1\\r\\nx");
    fs::write(&file, "user ann bogus").unwrap();
    let failed = admin.call(&["ACL", "LOAD"]);
    let text = format!("ERR {}:1: Syntax error. WARNING: ACL errors detected", file.display());
    assert!(failed.is_error(&text), "{failed:?}");
    expect(&mut admin, "EXISTS k", ":0");
    fs::remove_file(&file).unwrap();
    let failed = admin.call(&["ACL", "LOAD"]);
    assert!(failed.is_error("ERR Error loading ACLs, opening file '"), "{failed:?}");
}

/// Starts a server that must not start, and returns what it says.
fn refused(args: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let mut command = Command::new(server_binary());
    command.args(["--port", "0", "--save", "", "--dir"]).arg(folder.path()).args(args);
    let finished = run(&mut command);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    format!("{}{}", finished.stdout, finished.stderr)
}

#[test]
fn wrong_users_stop_the_start() {
    let said = refused(&["--user", "ann", "on", "--user", "ann", "off"]);
    assert!(said.contains("Error in user declaration 'ann': Duplicate user found."), "{said}");
    let said = refused(&["--user", "ann", "on", "bogus"]);
    assert!(said.contains("Syntax error"), "{said}");
    let said = refused(&["--user", "ann", "on", "+nosuch"]);
    assert!(said.contains("Unknown command or category name in ACL"), "{said}");
    let said = refused(&["--user", "ann", "on", "--aclfile", "users.acl"]);
    assert!(said.contains("define either an ACL file or declare users"), "{said}");
    let said = refused(&["--aclfile", "users.acl"]);
    assert!(said.contains("opening file 'users.acl': No such file or directory"), "{said}");
}

#[test]
fn commands_keep_their_names_in_rules() {
    let server = Server::with_config("rename-command GET fetch\nrename-command FLUSHALL \"\"\n", &[]);
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw ~* +get -flushall"));
    let mut user = login(&server, "u");
    expect(&mut user, "FETCH k", "$-1");
    expect(&mut user, "GET k", "-ERR unknown command 'GET', with args beginning with: 'k' ");
    assert!(
        admin.call(&["ACL", "SETUSER", "u", "+fetch"]).is_error("ERR Error in ACL SETUSER modifier '+fetch'")
    );
    assert!(admin.call(&["ACL", "DRYRUN", "u", "GET", "k"]).is_error("ERR Command 'GET' not found"));
    admin.ok(&["ACL", "DRYRUN", "u", "FETCH", "k"]);
}

#[test]
fn the_log_and_the_counters() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&words("ACL SETUSER u on >pw ~k +get +publish"));
    let mut user = login(&server, "u");
    for command in ["GET x", "GET x", "SET k v", "PUBLISH c m", "AUTH u no", "HELLO 3 AUTH v no"] {
        assert!(matches!(user.call(&words(command)), Reply::Error(_)), "{command}");
    }
    let seen: Vec<String> = admin
        .call(&["ACL", "LOG"])
        .items()
        .iter()
        .map(|entry| {
            let field = |name| entry.get(name).map(|value: Reply| format!("{value:?}")).unwrap_or_default();
            let text = |name| entry.get(name).map(|value: Reply| value.text()).unwrap_or_default();
            let (reason, object, user) = (text("reason"), text("object"), text("username"));
            format!("{} {reason} {object} {user} {}", field("count"), field("entry-id"))
        })
        .collect();
    let expected = [
        "Int(1) auth HELLO v Int(4)",
        "Int(1) auth AUTH u Int(3)",
        "Int(1) channel c u Int(2)",
        "Int(1) command set u Int(1)",
        "Int(2) key x u Int(0)",
    ];
    assert_eq!(seen, expected);
    let stats = admin.call(&["INFO", "stats"]).text();
    for (name, count) in [("auth", 2), ("cmd", 1), ("key", 2), ("channel", 1)] {
        assert!(stats.contains(&format!("acl_access_denied_{name}:{count}\r\n")), "{name}: {stats}");
    }
    // As in Redis, they are not among what starts anew.
    admin.ok(&["CONFIG", "RESETSTAT"]);
    assert!(admin.call(&["INFO", "stats"]).text().contains("acl_access_denied_auth:2\r\n"));
    assert_eq!(admin.call(&["ACL", "LOG", "1"]).items().len(), 1);
    admin.ok(&["ACL", "LOG", "RESET"]);
    assert_eq!(admin.call(&["ACL", "LOG"]), Reply::Array(vec![]));
}

#[test]
fn random_passwords_have_the_length_that_is_asked_for() {
    let server = Server::start();
    let mut client = server.client();
    for (bits, digits) in [("256", 64), ("1", 1), ("5", 2), ("4096", 1024)] {
        let password = client.call(&["ACL", "GENPASS", bits]).text();
        assert!(password.len() == digits && password.bytes().all(|b| b.is_ascii_hexdigit()), "{password}");
    }
    assert_ne!(client.call(&["ACL", "GENPASS"]), client.call(&["ACL", "GENPASS"]));
    for bits in ["0", "-1", "4097"] {
        assert!(
            client.call(&["ACL", "GENPASS", bits]).is_error("ERR ACL GENPASS argument must be the number")
        );
    }
}
