"""redis-py's asyncio client and its locks, as web services and their workers use them.

Usage: as everyday.py.
"""

import asyncio
import sys
import threading

import redis
import redis.asyncio
from redis.exceptions import LockError, LockNotOwnedError, WatchError


async def pools_and_pipelines(client):
    assert await client.set("k", "v", ex=100)
    await asyncio.gather(*(client.incr("n") for _ in range(80)))
    assert await client.get("n") == b"80"
    async with client.pipeline(transaction=True) as pipe:
        assert await pipe.incr("n").hset("h", mapping={"a": 1, "b": "é"}).hgetall("h").execute() == [
            81,
            2,
            {b"a": b"1", b"b": "é".encode()},
        ]
    assert len({key async for key in client.scan_iter(match="*", count=1)}) == 3


async def optimistic_transactions(client):
    async def deposit():
        async with client.pipeline() as pipe:
            while True:
                try:
                    await pipe.watch("balance")
                    balance = int(await pipe.get("balance") or 0)
                    pipe.multi()
                    pipe.set("balance", balance + 1)
                    return await pipe.execute()
                except WatchError:
                    continue

    await asyncio.gather(*(deposit() for _ in range(50)))
    assert await client.get("balance") == b"50"


async def messages(client):
    async with client.pubsub() as pubsub:
        await pubsub.subscribe("news")
        await pubsub.psubscribe("ne*")
        for expected in ("subscribe", "psubscribe"):
            message = await pubsub.get_message(timeout=30)
            assert message["type"] == expected, message
        assert await client.publish("news", "hello") == 2
        kinds = [(await pubsub.get_message(timeout=30))["type"] for _ in range(2)]
        assert kinds == ["message", "pmessage"], kinds


async def a_queue_of_many_consumers(client):
    async def consume():
        taken = []
        while (popped := await client.blpop("queue", timeout=30))[1] != b"end":
            taken.append(int(popped[1]))
        return taken

    consumers = [asyncio.create_task(consume()) for _ in range(10)]
    for start in range(0, 1000, 50):
        await client.rpush("queue", *range(start, start + 50))
    await client.rpush("queue", *["end"] * 10)
    taken = [number for part in await asyncio.gather(*consumers) for number in part]
    assert sorted(taken) == list(range(1000))


async def locks_between_tasks(client):
    inside = []

    async def work(number):
        async with client.lock("lock:tasks", timeout=30, sleep=0.005):
            inside.append(number)
            await client.incr("worked")
            assert inside == [number]
            inside.remove(number)

    await asyncio.gather(*(work(number) for number in range(20)))
    assert await client.get("worked") == b"20"
    lock = client.lock("lock:short", timeout=0.1)
    assert await lock.acquire()
    while await client.exists("lock:short"):
        await asyncio.sleep(0.01)
    assert await client.lock("lock:short", timeout=30).acquire()
    try:
        await lock.release()
    except LockNotOwnedError:
        pass
    else:
        raise AssertionError("another's lock was released")


def locks_between_threads(client):
    total = []

    def work():
        for _ in range(5):
            with client.lock("lock:threads", timeout=30, sleep=0.005) as lock:
                seen = len(total)
                lock.extend(10)
                assert lock.reacquire()
                assert len(total) == seen
                total.append(seen)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == list(range(25))
    with client.lock("lock:held", timeout=30):
        try:
            client.lock("lock:held", blocking_timeout=0.05).__enter__()
        except LockError:
            pass
        else:
            raise AssertionError("the lock was given twice")


STEPS = [
    pools_and_pipelines,
    optimistic_transactions,
    messages,
    a_queue_of_many_consumers,
    locks_between_tasks,
]


async def run_steps(options):
    client = redis.asyncio.Redis(**options)
    for step in STEPS:
        await step(client)
        print(step.__name__)
    await client.aclose()


def main():
    port, protocol, *password = sys.argv[1:]
    options = {"port": int(port), "protocol": int(protocol), "password": password[0] if password else None}
    asyncio.run(run_steps(options))
    with redis.Redis(**options) as client:
        locks_between_threads(client)
    print(locks_between_threads.__name__)


if __name__ == "__main__":
    main()
