//! TLS: real clients with and without certificates, versions and suites, renewal of certificates, and what is refused.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::clients::{node, python};
use crate::support::{
    Finished, Reply, Server, free_port, is_soon_enough, program, run, run_with_stdin, server_binary,
    wait_until,
};

/// A folder of certificates: an authority, and a server and a client that it vouches for.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Certificates {
        let certificates = Certificates(tempfile::tempdir().expect("temporary folders can be made"));
        certificates.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca");
        fs::write(certificates.path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
            .expect("the folder can be written");
        certificates.issue("server", "ec -pkeyopt ec_paramgen_curve:P-256");
        certificates.issue("client", "rsa:2048");
        certificates
    }

    fn openssl(&self, arguments: &str) -> String {
        run(program("openssl").current_dir(self.0.path()).args(arguments.split(' '))).success()
    }

    fn issue(&self, name: &str, key: &str) {
        self.openssl(&format!(
            "req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.crt"
        ));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// A server, the certificates it uses, and its port of TLS.
struct Rig {
    server: Server,
    files: Certificates,
    port: u16,
}

impl Rig {
    /// With further arguments, in which nothing has blanks.
    fn new(arguments: &str) -> Rig {
        let (files, port) = (Certificates::new(), free_port());
        let own = format!(
            "--tls-port {port} --tls-cert-file {} --tls-key-file {} --tls-ca-cert-file {} {arguments}",
            files.text("server.crt"),
            files.text("server.key"),
            files.text("ca.crt")
        );
        let server = Server::with(&own.split_whitespace().collect::<Vec<_>>());
        Rig { server, files, port }
    }

    /// CONFIG SET over TCP.
    #[track_caller]
    fn set(&self, pairs: &[&str]) -> Reply {
        self.server.client().call(&[&["CONFIG", "SET"], pairs].concat())
    }

    /// Debian's redis-cli over TLS; with a certificate or without.
    fn cli(&self, port: u16, certificate: bool, command: &str) -> Finished {
        let mut cli = program("redis-cli");
        cli.args(["-p", &port.to_string(), "--tls", "--cacert"]).arg(self.files.path("ca.crt"));
        if certificate {
            cli.arg("--cert").arg(self.files.path("client.crt"));
            cli.arg("--key").arg(self.files.path("client.key"));
        }
        run(cli.args(command.split(' ')))
    }

    fn answers(&self, certificate: bool) -> bool {
        self.cli(self.port, certificate, "PING").stdout == "PONG\n"
    }

    /// What `openssl s_client` says about a connection with these options.
    fn handshake(&self, options: &str) -> Finished {
        let mut client = program("openssl");
        client.args(["s_client", "-connect", &format!("127.0.0.1:{}", self.port), "-CAfile"]);
        run(client.arg(self.files.path("ca.crt")).args(options.split(' ')))
    }

    /// Whether a handshake with these options ends with a suite of which this is the name.
    fn agrees_on(&self, options: &str, suite: &str) -> bool {
        self.handshake(options).stdout.contains(&format!("Cipher is {suite}\n"))
    }

    #[track_caller]
    fn client_program(&self, mut command: Command, certificate: bool, steps: usize) {
        command.arg(self.port.to_string()).arg(self.files.path("ca.crt"));
        if certificate {
            command.arg(self.files.path("client.crt")).arg(self.files.path("client.key"));
        }
        let text = run(&mut command).success();
        assert_eq!(text.lines().count(), steps, "{text}");
    }
}

fn ok() -> Reply {
    Reply::Simple(b"OK".to_vec())
}

#[track_caller]
fn refused(reply: &Reply, name: &str, why: &str) {
    let text = format!("{reply:?}");
    assert!(text.contains(&format!("related to argument '{name}'")) && text.contains(why), "{text}");
}

const NOT_UPDATED: &str = "Unable to update TLS configuration. Check server logs.";

#[test]
fn clients_show_certificates_where_they_must() {
    let rig = Rig::new("");
    assert!(!rig.answers(false) && rig.answers(true));
    rig.server.wait_for_log("# Error accepting a client connection: ");
    assert_eq!(rig.set(&["tls-auth-clients", "optional"]), ok());
    assert!(rig.answers(false) && rig.answers(true));
    assert_eq!(rig.set(&["tls-auth-clients", "no"]), ok());
    assert!(rig.answers(false) && rig.answers(true));
    assert_eq!(rig.set(&["tls-auth-clients", "yes"]), ok());
    assert!(!rig.answers(false) && rig.answers(true));
    // One that another authority vouches for.
    let others = Certificates::new();
    for name in ["client.crt", "client.key"] {
        fs::copy(others.path(name), rig.files.path(name)).expect("the folder can be written");
    }
    assert!(!rig.answers(true));
    assert_eq!(rig.set(&["tls-auth-clients", "optional"]), ok());
    assert!(rig.answers(false) && !rig.answers(true));
}

#[test]
fn ioredis_over_tls() {
    Rig::new("").client_program(node("tls.js"), true, 5);
    Rig::new("--tls-auth-clients no").client_program(node("tls.js"), false, 5);
}

#[test]
fn redis_py_over_tls() {
    Rig::new("").client_program(python("tls.py"), true, 4);
    Rig::new("--tls-auth-clients no").client_program(python("tls.py"), false, 4);
}

#[test]
fn a_port_is_for_tcp_or_for_tls() {
    let rig = Rig::new("--tls-auth-clients no --requirepass pw");
    let port = rig.port.to_string();
    assert_eq!(rig.cli(rig.port, false, "--no-auth-warning -a pw CONFIG SET port 0").success(), "OK\n");
    let info = rig.cli(rig.port, false, "--no-auth-warning -a pw INFO server").success();
    assert!(info.contains(&format!("tcp_port:{port}\r")) && info.contains("listener0:name=tls,"), "{info}");
    let swap = format!("--no-auth-warning -a pw CONFIG SET tls-port 0 port {port}");
    // The address changes hands while the answer is on its way over the old connection.
    assert_eq!(rig.cli(rig.port, false, &swap).success(), "OK\n");
    let mut client = crate::support::Client::tcp(rig.port);
    assert_eq!(client.call(&["AUTH", "pw"]), ok());
    assert_eq!(client.call(&["CONFIG", "SET", "port", "0", "tls-port", &port]), ok());
    assert_eq!(rig.cli(rig.port, false, "--no-auth-warning -a pw PING").success(), "PONG\n");
}

#[test]
fn bad_files_leave_what_was_in_force() {
    let rig = Rig::new("--tls-auth-clients no");
    let garbage = rig.files.text("names");
    for (pairs, log) in [
        (&["tls-cert-file", &garbage][..], "Failed to load certificate: "),
        (&["tls-key-file", "/nowhere"], "Failed to load private key: /nowhere: No such file or directory"),
        (&["tls-key-file", &rig.files.text("client.key")], "Failed to load private key: "),
        (&["tls-ca-cert-file", &garbage], "Failed to configure CA certificate(s) file/directory: "),
        (&["tls-protocols", "SSLv3"], "Invalid tls-protocols specified."),
        (&["tls-ciphers", "AES128-SHA256"], "Failed to configure ciphers: AES128-SHA256"),
        (&["tls-ciphersuites", "NOPE"], "Failed to configure ciphersuites: NOPE"),
        (
            &["tls-client-cert-file", &garbage, "tls-client-key-file", &garbage],
            "Failed to load certificate: ",
        ),
        (&["tls-cert-file", ""], "No tls-cert-file configured!"),
        (&["tls-auth-clients", "yes", "tls-ca-cert-file", ""], "Either tls-ca-cert-file or"),
    ] {
        refused(&rig.set(pairs), pairs[0], NOT_UPDATED);
        rig.server.wait_for_log(log);
        assert!(rig.answers(false), "{pairs:?}");
    }
    // A port that is taken: neither it nor the files are new.
    let taken = rig.server.port().to_string();
    let (cert, key) = (rig.files.text("client.crt"), rig.files.text("client.key"));
    let reply = rig.set(&["tls-port", &taken, "tls-cert-file", &cert, "tls-key-file", &key]);
    refused(&reply, "tls-port", "Unable to listen on this port.");
    assert!(rig.handshake("-brief").stderr.contains("CN = server"));
    assert_eq!(rig.set(&["tls-cert-file", &cert, "tls-key-file", &key]), ok());
    assert!(rig.handshake("-brief").stderr.contains("CN = client"));
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let rig = Rig::new("--tls-auth-clients no");
    rig.files.openssl("pkcs8 -topk8 -in server.key -out encrypted.key -passout pass:1234");
    let key = rig.files.text("encrypted.key");
    refused(&rig.set(&["tls-key-file", &key]), "tls-key-file", NOT_UPDATED);
    refused(&rig.set(&["tls-key-file-pass", "no", "tls-key-file", &key]), "tls-key-file-pass", NOT_UPDATED);
    assert_eq!(rig.set(&["tls-key-file-pass", "1234"]), ok());
    assert_eq!(rig.set(&["tls-key-file", &key]), ok());
    assert!(rig.answers(false));
}

#[test]
fn renewed_files_are_noticed() {
    let rig = Rig::new("");
    let (cert, key) = (rig.files.path("server.crt"), rig.files.path("server.key"));
    fs::write(&cert, "half a certificate").expect("the file can be written");
    rig.server.wait_for_log("what was loaded before stays in force");
    assert!(rig.answers(true));
    rig.files.issue("renewed", "rsa:2048");
    fs::rename(rig.files.path("renewed.key"), key).expect("the file can be replaced");
    fs::rename(rig.files.path("renewed.crt"), cert).expect("the file can be replaced");
    wait_until("renewed", || rig.handshake("-brief").stderr.contains("CN = renewed"));
    assert!(rig.answers(true));
}

#[test]
fn versions_and_suites_are_those_asked_for() {
    let rig = Rig::new("--tls-auth-clients no");
    assert!(rig.agrees_on("-tls1_3", "TLS_AES_256_GCM_SHA384"));
    let (aes128, aes256) = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384");
    assert!(rig.agrees_on("-tls1_2", aes256));
    assert_eq!(rig.set(&["tls-protocols", "TLSv1.2"]), ok());
    assert!(rig.agrees_on("-tls1_3", "(NONE)") && rig.agrees_on("-tls1_2", aes256));
    let both = format!("-tls1_2 -cipher {aes256}:{aes128}");
    assert_eq!(rig.set(&["tls-ciphers", &format!("{aes128}:{aes256}")]), ok());
    assert!(rig.agrees_on(&both, aes256));
    assert_eq!(rig.set(&["tls-prefer-server-ciphers", "yes"]), ok());
    assert!(rig.agrees_on(&both, aes128));
    assert_eq!(rig.set(&["tls-ciphers", "DEFAULT:-AES128"]), ok());
    assert!(rig.agrees_on(&format!("-tls1_2 -cipher {aes128}"), "(NONE)") && rig.agrees_on(&both, aes256));
    let suites = ["tls-protocols", "TLSv1.3", "tls-ciphersuites", "TLS_AES_128_GCM_SHA256"];
    assert_eq!(rig.set(&suites), ok());
    assert!(rig.agrees_on("-tls1_2", "(NONE)") && rig.agrees_on("-tls1_3", "TLS_AES_128_GCM_SHA256"));
}

#[test]
fn who_does_not_shake_hands_is_in_nobodys_way() {
    let rig = Rig::new("--maxclients 60");
    let connect = || TcpStream::connect(("127.0.0.1", rig.port)).expect("the server listens");
    let silent: Vec<TcpStream> = (0..50).map(|_| connect()).collect();
    let mut plain = connect();
    plain.write_all(b"PING\r\n").expect("the server reads");
    let mut answer = Vec::new();
    // It gets a TLS alert, or nothing.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.windows(4).any(|bytes| bytes == b"PONG"));
    assert!(rig.answers(true));
    // They count as clients, or they would be free, for the ten seconds that a handshake may take.
    is_soon_enough(|_| {
        let (_more, begun) = ((0..70).map(|_| connect()).collect::<Vec<TcpStream>>(), Instant::now());
        while rig.answers(true) {
            if begun.elapsed() > Duration::from_secs(5) {
                return Err("there is no limit".to_owned());
            }
        }
        Ok(())
    });
    drop(silent);
    wait_until("room", || rig.answers(true));
}

#[test]
fn authorities_of_a_folder_have_names_of_hashes() {
    let rig = Rig::new("");
    let folder = rig.files.path("authorities");
    fs::create_dir(&folder).expect("the folder can be made");
    let copy = |to: &Path| fs::copy(rig.files.path("ca.crt"), to).expect("the file can be copied");
    copy(&folder.join("ca.crt"));
    let pairs = ["tls-ca-cert-dir", &folder.display().to_string(), "tls-ca-cert-file", ""];
    refused(&rig.set(&pairs), "tls-ca-cert-dir", NOT_UPDATED);
    let hash = rig.files.openssl("x509 -noout -hash -in ca.crt");
    copy(&folder.join(format!("{}.0", hash.trim())));
    assert_eq!(rig.set(&pairs), ok());
    assert!(rig.answers(true) && !rig.answers(false));
}

#[test]
fn without_a_certificate_it_does_not_start() {
    let port = free_port().to_string();
    let finished =
        run(Command::new(server_binary()).args(["--port", "0", "--tls-port", &port, "--save", ""]));
    assert_eq!(finished.code, Some(1));
    assert!(finished.stdout.contains("No tls-cert-file configured!"), "{finished:?}");
    assert!(finished.stdout.contains("Failed to configure TLS. Check logs for more info."), "{finished:?}");
}

/// Our redis-cli with these options, in which a name with a dot stands for a file of the folder.
fn our_cli(rig: &Rig, options: &str, input: &[u8]) -> Finished {
    let mut cli = Command::new(env!("CARGO_BIN_EXE_redis-cli"));
    cli.current_dir(rig.files.0.path()).args(["-p", &rig.port.to_string()]).args(options.split(' '));
    // Nothing is trusted but what the options say.
    run_with_stdin(cli.env_remove("REDISCLI_AUTH").env("SSL_CERT_FILE", "/dev/null"), input)
}

#[test]
fn our_redis_cli_over_tls() {
    let rig = Rig::new("");
    let identity = "--cert client.crt --key client.key";
    let says = |options: &str| our_cli(&rig, options, b"");
    for options in [
        format!("--tls --cacert ca.crt {identity} PING"),
        format!("--tls --cacert ca.crt {identity} -3 -n 2 PING"),
        format!("--tls --cacert ca.crt {identity} --sni another.example PING"),
        format!("--tls --cacert ca.crt {identity} --tls-ciphersuites TLS_AES_128_GCM_SHA256 PING"),
        format!("--tls --insecure {identity} PING"),
        format!("--cacert ca.crt {identity} -u rediss://localhost:{} PING", rig.port),
    ] {
        assert_eq!(says(&options).success(), "PONG\n", "{options}");
    }
    let folder = rig.files.path("authorities");
    fs::create_dir(&folder).expect("the folder can be made");
    let hash = rig.files.openssl("x509 -noout -hash -in ca.crt");
    fs::copy(rig.files.path("ca.crt"), folder.join(format!("{}.0", hash.trim()))).expect("copied");
    assert_eq!(says(&format!("--tls --cacertdir authorities {identity} PING")).success(), "PONG\n");
    let unreachable = format!("Could not connect to Redis at 127.0.0.1:{}: SSL_connect failed: ", rig.port);
    for (options, why) in [
        (
            format!("--tls {identity} PING"),
            "Could not negotiate a TLS connection: Failed to use default CA paths",
        ),
        (format!("--tls --cacert client.crt {identity} PING"), &unreachable[..]),
        ("--tls --cacert ca.crt PING".into(), "Error: "),
        ("--tls --cacert names PING".into(), "Could not negotiate a TLS connection: Invalid CA Certificate"),
        (
            "--tls --cacert ca.crt --cert names --key client.key PING".into(),
            "Could not negotiate a TLS connection: Invalid client certificate",
        ),
        (
            "--tls --cacert ca.crt --cert client.crt --key names PING".into(),
            "Could not negotiate a TLS connection: Invalid private key",
        ),
        (
            "--tls --cacert ca.crt --tls-ciphers NOPE PING".into(),
            "Could not negotiate a TLS connection: Error while configuring ciphers",
        ),
    ] {
        let Finished { code, stdout, stderr } = says(&options);
        assert!((code, &stdout[..]) == (Some(1), "") && stderr.starts_with(why), "{options}: {stderr}");
    }
}

#[test]
fn our_redis_cli_transfers_much_over_tls() {
    let rig = Rig::new("--tls-auth-clients no");
    let value = "x".repeat(3000);
    let input: String = (0..3000).map(|i| format!("SET {i} {value}\r\nGET {i}\r\n")).collect();
    let said = our_cli(&rig, "--tls --cacert ca.crt --pipe", input.as_bytes()).success();
    assert!(said.ends_with("errors: 0, replies: 6000\n"), "{said}");
    let scanned = our_cli(&rig, "--tls --cacert ca.crt --scan", b"").success();
    assert_eq!(scanned.lines().count(), 3000);
    let all = our_cli(&rig, "--tls --cacert ca.crt --csv mget 0 1 2 3 4 5 6 7 8 9", b"").success();
    assert_eq!(all.len(), 10 * 3003);
}
