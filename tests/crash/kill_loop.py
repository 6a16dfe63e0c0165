#!/usr/bin/env python3
"""Kills a server again and again under fifty writers, and looks what its append only file has kept.

    cargo build --release
    tests/crash/kill_loop.py target/release/redis-server --fsync always --kills 200
    tests/crash/kill_loop.py target/release/redis-server --fsync everysec --kills 200

Each writer counts its own counter up, appends the number to its own list and sets two keys to it in a transaction; and
notes what was acknowledged, and when. After each kill -9 the server starts on the same files, and must have

- no less than what was acknowledged: with `always` all of it, with `everysec` what was acknowledged two seconds before;
- no more than what was asked for;
- lists without gaps, and of each transaction all or nothing.

A kill leaves what was given to the system, so this shows what is written before a reply leaves, and not what an fsync is
worth: that takes a power failure. Rewrites of the file go on meanwhile. Ends with 1 at the first violation, whose files it keeps.
"""

import argparse
import random
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

WRITERS = 50
GRACE_SECONDS = {"always": 0.0, "everysec": 2.0}


def encode(*args):
    parts = [str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Writer:
    """One connection with one round of commands on its way."""

    def __init__(self, name, number):
        self.name, self.asked, self.acknowledged = name, number, [(0.0, number)]
        self.socket, self.received = None, b""

    def connect(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.received = b""

    def ask(self):
        self.asked += 1
        number = self.asked
        self.socket.sendall(
            encode("INCR", f"count:{self.name}")
            + encode("RPUSH", f"list:{self.name}", number)
            + encode("MULTI")
            + encode("SET", f"left:{self.name}", number)
            + encode("SET", f"right:{self.name}", number)
            + encode("EXEC")
        )

    def take(self):
        """Reads what has come; asks anew when the round is acknowledged."""
        data = self.socket.recv(4096)
        if not data:
            raise ConnectionResetError
        self.received += data
        if not self.received.endswith(b"*2\r\n+OK\r\n+OK\r\n"):
            return
        if not self.received.startswith(b":%d\r\n:" % self.asked) or b"-" in self.received:
            raise SystemExit(f"writer {self.name}, round {self.asked}: {self.received!r}")
        self.received = b""
        self.acknowledged.append((time.monotonic(), self.asked))
        del self.acknowledged[:-100_000]
        self.ask()

    def owed(self, until):
        """The last number that was acknowledged by then."""
        return max((number for when, number in self.acknowledged if when <= until), default=0)


class Server:
    """A server on files that outlive it."""

    def __init__(self, binary, folder, fsync):
        self.port = free_port()
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
        arguments += ["--appendfsync", fsync, "--dir", folder, "--auto-aof-rewrite-min-size", "1mb"]
        self.log = open(f"{folder}/log", "ab")
        self.process = subprocess.Popen([binary, *arguments], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the server doesn't start; see {folder}/log")
            time.sleep(0.01)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port)) as client:
                client.sendall(encode("PING"))
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Reader:
    """Asks one question at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.lines = self.socket.makefile("rb")

    def call(self, *args):
        self.socket.sendall(encode(*args))
        return self.reply()

    def reply(self):
        line = self.lines.readline().rstrip()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            if rest == b"-1":
                return b"0"
            return self.lines.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest


def write_for_a_while(writers, server, seconds):
    """Lets the writers write until the server is killed; when that was."""
    waiting = selectors.DefaultSelector()
    for writer in writers:
        writer.connect(server.port)
        waiting.register(writer.socket, selectors.EVENT_READ, writer)
        writer.ask()
    end, killed = time.monotonic() + seconds, None
    while waiting.get_map():
        if killed is None and time.monotonic() >= end:
            # Replies that arrived before are still read below: they count as acknowledged.
            killed = time.monotonic()
            server.kill()
        for key, _ in waiting.select(timeout=0.01):
            try:
                key.data.take()
            except OSError:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
    return killed


def check(writers, port, until, killed):
    """What is wrong, if something is; else how many acknowledged rounds were lost that need not have been kept, and how
    long before the kill the first of them was acknowledged, in seconds."""
    reader, lost, oldest = Reader(port), 0, 0.0
    for writer in writers:
        name = writer.name
        owed = writer.owed(until)
        count, left, right = (int(reader.call("GET", f"{what}:{name}")) for what in ("count", "left", "right"))
        numbers = [int(number) for number in reader.call("LRANGE", f"list:{name}", 0, -1)]
        if not owed <= count <= writer.asked:
            return f"writer {name}: owed {owed}, asked {writer.asked}, found {count}"
        if numbers != list(range(1, len(numbers) + 1)) or not owed <= len(numbers) <= count:
            return f"writer {name}: a list of {len(numbers)} that ends {numbers[-3:]}, owed {owed}, count {count}"
        if left != right or not owed <= left <= len(numbers):
            return f"writer {name}: {left} and {right} of one transaction, owed {owed}"
        gone = [when for when, number in writer.acknowledged if number > left]
        lost += len(gone)
        oldest = max([oldest, *(killed - when for when in gone)])
        # The next life counts on from what is there.
        for key, value in (("count", left), ("left", left), ("right", left)):
            reader.call("SET", f"{key}:{name}", value)
        if len(numbers) > left:
            reader.call("LTRIM", f"list:{name}", 0, left - 1) if left else reader.call("DEL", f"list:{name}")
        writer.asked, writer.acknowledged = left, [(0.0, left)]
    return lost, oldest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--fsync", choices=GRACE_SECONDS, default="always")
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="kill-loop-")
    writers = [Writer(str(number), 0) for number in range(WRITERS)]
    rounds, lost_rounds, oldest = 0, 0, 0.0
    grace = GRACE_SECONDS[options.fsync]
    server = Server(options.binary, folder, options.fsync)
    for kill in range(options.kills):
        before = sum(writer.asked for writer in writers)
        # Longer than what may be lost, or nothing would be owed.
        killed = write_for_a_while(writers, server, grace + random.uniform(0.05, 0.6))
        rounds += sum(writer.acknowledged[-1][1] for writer in writers) - before
        server = Server(options.binary, folder, options.fsync)
        # With `always` also what was acknowledged before the kill and read after it.
        until = killed - grace if grace else float("inf")
        found = check(writers, server.port, until, killed)
        if isinstance(found, str):
            server.kill()
            print(f"after kill {kill + 1}: {found}; the files are in {folder}")
            return 1
        lost_rounds, oldest = lost_rounds + found[0], max(oldest, found[1])
        if kill % 20 == 19:
            print(f"{kill + 1} kills, {rounds} acknowledged rounds, {lost_rounds} lost, {oldest * 1000:.1f} ms at most", flush=True)
            Reader(server.port).call("FLUSHALL")
            for writer in writers:
                writer.asked, writer.acknowledged = 0, [(0.0, 0)]
    server.kill()
    shutil.rmtree(folder)
    print(f"{options.kills} kills with appendfsync {options.fsync}: nothing lost that was owed, nothing invented;")
    print(f"{rounds} rounds acknowledged, {lost_rounds} lost, the oldest {oldest * 1000:.1f} ms before the kill")
    return 0


if __name__ == "__main__":
    sys.exit(main())
