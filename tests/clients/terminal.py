#!/usr/bin/env python3
"""Types at a program's terminal.

terminal.py KEYS PROGRAM [ARGUMENT ...]: KEYS is JSON, a list of pairs [text to wait for, keys to type then]. What the
terminal showed goes to standard output, without its escape sequences. Exits as the program does, or with 1 if a text
doesn't come in ten seconds.
"""
import json
import os
import pty
import re
import select
import sys
import time

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")
PATIENCE = 10

steps, program = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(program[0], program)


def read(deadline):
    """Some bytes; none at the end or when it is too late."""
    ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
    try:
        return os.read(terminal, 65536) if ready else b""
    except OSError:
        return b""


shown, seen = b"", 0
for awaited, keys in steps:
    deadline = time.monotonic() + PATIENCE
    while (at := ESCAPES.sub(b"", shown).find(awaited.encode(), seen)) < 0:
        more = read(deadline)
        if not more:
            sys.stdout.buffer.write(ESCAPES.sub(b"", shown))
            sys.exit(f"{awaited!r} doesn't come")
        shown += more
    seen = at + len(awaited.encode())
    # Line editors throw away what was typed before they were ready.
    time.sleep(0.05)
    os.write(terminal, keys.encode())
while more := read(time.monotonic() + PATIENCE):
    shown += more
sys.stdout.buffer.write(ESCAPES.sub(b"", shown))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
