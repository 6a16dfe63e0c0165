"""What applications do with redis-py every day, in RESP2 or RESP3.

Usage: python everyday.py PORT PROTOCOL [PASSWORD]; PROTOCOL is 2 or 3.
"""

import sys
import threading
import time

import redis


def strings_and_options(client):
    assert client.set("k", "v") is True
    assert client.get("k") == b"v"
    assert client.get("none") is None
    assert client.set("k", "w", nx=True) is None
    assert client.set("k", "w", xx=True, get=True) == b"v"
    assert client.set("k", "x", keepttl=True, px=None) is True
    assert client.setrange("k", 3, "end") == 6
    assert client.get("k") == b"x\x00\x00end"
    assert client.getdel("k") == b"x\x00\x00end"
    assert client.mset({"a": 1, "b": "2.5"}) is True
    assert client.mget("a", "b", "c") == [b"1", b"2.5", None]
    assert client.incrby("a", 41) == 42
    assert abs(client.incrbyfloat("b", 0.1) - 2.6) < 1e-9
    assert client.append("a", "!") == 3


def expiry(client):
    client.set("session", "data", ex=100)
    assert 90 < client.ttl("session") <= 100
    assert client.persist("session") is True
    assert client.ttl("session") == -1
    assert client.expire("session", 50, nx=True) is True
    assert client.expire("session", 10, gt=True) is False
    deadline = int(time.time()) + 1000
    client.expireat("session", deadline)
    assert client.expiretime("session") == deadline
    assert client.getex("session", persist=True) == b"data"
    assert client.pttl("none") == -2


def keys(client):
    client.mset({f"key:{i}": i for i in range(1000)})
    assert len(set(client.scan_iter(match="key:*", count=100))) == 1000
    assert sorted(client.keys("key:99?")) == [b"key:99%d" % i for i in range(10)]
    assert client.rename("key:0", "moved") is True
    assert client.exists("moved", "key:0", "key:1") == 2
    assert client.copy("moved", "copied") is True
    assert client.unlink("moved", "copied", "none") == 2
    assert client.type("key:1") == b"string"
    assert client.object("encoding", "key:1") in (b"int", "int")


def bitmaps(client):
    assert client.setbit("bits", 7, 1) == 0
    assert client.bitcount("bits") == 1
    assert client.bitpos("bits", 1) == 7
    assert client.bitop("NOT", "inverse", "bits") == 1
    assert client.get("inverse") == b"\xfe"
    assert client.bitfield("field").set("u8", 0, 200).incrby("u8", 0, 100, "SAT").execute() == [0, 255]


def pipelines(client):
    pipe = client.pipeline(transaction=False)
    for i in range(5000):
        pipe.set(f"p:{i}", i)
        pipe.get(f"p:{i}")
    assert pipe.execute()[1::2] == [b"%d" % i for i in range(5000)]
    pipe = client.pipeline(transaction=False)
    pipe.set("text", "abc").incr("text").get("text")
    answers = pipe.execute(raise_on_error=False)
    assert isinstance(answers[1], redis.ResponseError) and "not an integer" in str(answers[1])
    assert answers[2] == b"abc"


def counters_of_many_threads(client):
    def add():
        for _ in range(500):
            client.incr("shared")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("shared") == b"4000"


def server_facts(client):
    info = client.info()
    assert info["redis_version"] == "7.4.1"
    assert info["role"] == "master"
    assert info["used_memory"] > 0
    assert "db0" in info and info["db0"]["keys"] == client.dbsize()
    assert client.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
    assert client.config_set("maxmemory-policy", "allkeys-lru") is True
    assert client.client_setname("everyday") is True
    mine = [row for row in client.client_list() if row["name"] == "everyday"]
    assert mine and mine[0]["lib-name"].startswith("redis-py")
    assert abs(client.time()[0] - time.time()) < 5
    assert client.echo("hello") == b"hello"


def errors(client):
    for command, text in [
        (("INCR", "text"), "value is not an integer or out of range"),
        (("SET", "k", "v", "EX", "0"), "invalid expire time in 'set' command"),
        (("NOPE",), "unknown command 'NOPE'"),
        (("GET",), "wrong number of arguments for 'get' command"),
    ]:
        try:
            client.execute_command(*command)
        except redis.ResponseError as error:
            assert text in str(error), error
        else:
            raise AssertionError(f"{command} was accepted")


STEPS = [
    strings_and_options,
    expiry,
    keys,
    bitmaps,
    pipelines,
    counters_of_many_threads,
    errors,
    server_facts,
]


def main():
    port, protocol, *password = sys.argv[1:]
    client = redis.Redis(
        port=int(port), protocol=int(protocol), password=password[0] if password else None, single_connection_client=False
    )
    for step in STEPS:
        step(client)
        print(step.__name__)
    client.close()


if __name__ == "__main__":
    main()
