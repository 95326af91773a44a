"""What the tests of the command line share: the program, and a process to look at."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MEMEXPLORER", str(ROOT / "build" / "cli" / "memexplorer"))
LIMIT_SECONDS = 60

TARGET = textwrap.dedent(
    """
    import json, sys, threading

    class Session:
        def __init__(self, user):
            self.user = user
            self.items = [user, 1.5, 'quoted "text", with a comma']

    sessions = [Session("user:%d" % number) for number in range(200)]
    big = bytearray(1 << 20)
    held = ["one reference"]
    shared = ["three references"]
    names = {"first": shared, "second": shared}
    freed = id(Session("gone"))

    def wait_here(lock):
        with lock:
            pass

    lock = threading.Lock()
    lock.acquire()
    thread = threading.Thread(target=wait_here, args=(lock,), daemon=True)
    thread.start()
    print(json.dumps({
        "held": id(held), "shared": id(shared), "session": id(sessions[0]),
        "items": id(sessions[0].items), "big": id(big), "none": id(None),
        "size_of_shared": sys.getsizeof(shared),
    }), flush=True)
    sys.stdin.read()
    """
)


class Target(NamedTuple):
    pid: int
    facts: dict  # addresses, as id() gave them


def memexplorer(*arguments: Any, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Runs the program; what it printed is text."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    command = [PROGRAM, *map(str, arguments)]
    result = subprocess.run(command, timeout=LIMIT_SECONDS, check=False, **options)
    result.stdout = (result.stdout or b"").decode()  # not text=True: CSV ends lines in CR LF
    result.stderr = (result.stderr or b"").decode()
    return result


def output(*arguments: Any) -> str:
    """What it printed, when it worked."""
    result = memexplorer(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def document(*arguments: Any) -> Any:
    return json.loads(output(*arguments, "--json"))


def error_line(*arguments, **options):
    """Exit code and the one line on standard error of what failed."""
    result = memexplorer(*arguments, **options)
    assert result.returncode != 0
    assert re.fullmatch(r"memexplorer: [^\n]+\n", result.stderr)
    return result.returncode, result.stderr


def keys_of(value):
    """The keys of a document, except those that name things of the target."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return set()


def documented_keys():
    return set(re.findall(r"`(\w+)`", (ROOT / "docs" / "json.md").read_text()))


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    with subprocess.Popen(
        [sys.executable, "-c", TARGET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        yield Target(process.pid, json.loads(process.stdout.readline()))
        process.stdin.close()


# A cycle that is garbage, one that is held, and a str that would go with the first.
CYCLIC = """
import gc, sys
gc.disable()
class Node:
    pass
def ring(text):
    one, two = Node(), Node()
    one.next, two.next, one.text, one.more = two, one, text * 2, [text]
    return one
held = ring("held")
ring("lost")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def cyclic() -> Iterator[int]:
    command = [sys.executable, "-c", CYCLIC]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.stdin.close()
