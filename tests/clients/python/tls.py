"""redis-py over TLS: both versions, certificates, and an end of the stream that is no surprise.

Usage: python tls.py PORT CA [CERT KEY]
"""

import socket
import ssl
import sys

import redis

PORT, CA, *IDENTITY = sys.argv[1:]
CERT, KEY = IDENTITY or (None, None)


def context(version):
    made = ssl.create_default_context(cafile=CA)
    made.minimum_version = made.maximum_version = version
    if CERT:
        made.load_cert_chain(CERT, KEY)
    return made


def raw(version):
    return context(version).wrap_socket(
        socket.create_connection(("127.0.0.1", int(PORT))),
        server_hostname="localhost",
        suppress_ragged_eofs=False,
    )


def read_all(stream):
    """Everything up to the peer's goodbye; without a goodbye ssl raises an error."""
    parts = []
    while part := stream.recv(65536):
        parts.append(part)
    return b"".join(parts)


def everyday():
    for protocol in (2, 3):
        client = redis.Redis(
            port=int(PORT), protocol=protocol, ssl=True, ssl_ca_certs=CA, ssl_certfile=CERT, ssl_keyfile=KEY
        )
        value = bytes(range(256)) * 20000
        assert client.set("k", value) is True
        assert client.get("k") == value
        assert client.getrange("k", 0, 2) == b"\0\1\2"
        client.close()


def both_versions():
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with raw(version) as stream:
            assert stream.version() == name
            stream.sendall(b"PING\r\nQUIT\r\n")
            assert read_all(stream) == b"+PONG\r\n+OK\r\n"


def resumed_sessions():
    made = context(ssl.TLSVersion.TLSv1_2)
    session = None
    for reused in (False, True):
        tcp = socket.create_connection(("127.0.0.1", int(PORT)))
        with made.wrap_socket(tcp, server_hostname="localhost", session=session) as stream:
            stream.sendall(b"PING\r\nQUIT\r\n")
            assert read_all(stream) == b"+PONG\r\n+OK\r\n"
            assert stream.session_reused is reused
            session = stream.session


def half_closed():
    """A client says goodbye behind a pipeline and still gets all its replies, then the server's goodbye."""
    made = context(ssl.TLSVersion.TLSv1_3)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = made.wrap_bio(incoming, outgoing, server_hostname="localhost")
    tcp = socket.create_connection(("127.0.0.1", int(PORT)))

    def step(action):
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                tcp.sendall(outgoing.read())
                data = tcp.recv(65536)
                incoming.write(data) if data else incoming.write_eof()

    step(tls.do_handshake)
    tls.write(b"PING\r\n" * 5000)
    try:
        tls.unwrap()
    except ssl.SSLWantReadError:
        pass
    tcp.sendall(outgoing.read())
    tcp.shutdown(socket.SHUT_WR)
    encrypted = b"".join(iter(lambda: tcp.recv(65536), b""))
    incoming.write(encrypted)
    incoming.write_eof()
    # OpenSSL gives out nothing that comes behind its own goodbye, so what came is measured.
    assert len(encrypted) > 5000 * len(b"+PONG\r\n")


def main():
    for step in (everyday, both_versions, resumed_sessions, half_closed):
        step()
        print(step.__name__)


if __name__ == "__main__":
    main()
