"""Three ways to look at a process: it stands still for the copying, for a fork, or not at all.

What a fork does to a target in detail is for tests/unit/test_fork.c.
"""

import contextlib
import json
import mmap
import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from processes import (
    PROGRAM,
    ROOT,
    TARGETS,
    Interpreter,
    Target,
    document,
    memexplorer,
    output,
    running,
    some,
)

WAYS = ("--freeze", "--fork")
KILLS = 60
TORN_LOOKS = 20
PROGRESS_SECONDS = 30  # for one step of a program that counts: a loaded machine is slow

DONTFORK = """
import mmap, sys
kept, wiped = mmap.mmap(-1, 1 << 20, flags=34), mmap.mmap(-1, 1 << 21, flags=34)
for memory in kept, wiped:
    memory[:5] = b"there"
kept.madvise(10)  # MADV_DONTFORK
wiped.madvise(18)  # MADV_WIPEONFORK
print("ready", flush=True)
sys.stdin.read()
"""

CUT = """
import mmap, sys, tempfile
with tempfile.NamedTemporaryFile() as file:
    file.truncate(1 << 20)
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    memory[-1] = 1
    file.truncate(1 << 16)
    print("ready", flush=True)
    sys.stdin.read()
"""


def children_of(pid: int) -> List[int]:
    """Of all its threads, dead ones too."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(word) for task in tasks for word in (task / "children").read_text().split()]


def objects_of(pid: int, option: str) -> Dict[str, Any]:
    records = map(json.loads, output("objects", pid, option, "--json").splitlines())
    return {record["address"]: record for record in records}


@contextlib.contextmanager
def service(interpreter: Interpreter) -> Iterator[Target]:
    command = [interpreter.path, ROOT / "examples" / "service.py", "--seconds", "100"]
    with running(*command, stderr=subprocess.DEVNULL) as target:
        yield target


@pytest.mark.oldest_and_newest
@pytest.mark.parametrize("program", ["threads.py", "standing.py"])
def test_a_fork_shows_the_objects_and_counts_that_a_freeze_shows(
    program: str, interpreter: Interpreter
):
    with running(interpreter.path, TARGETS / program) as target:
        frozen = objects_of(target.pid, "--freeze")
        forked = objects_of(target.pid, "--fork")
        assert len(forked) > 1000
        assert children_of(target.pid) == []
        counts = [document("report", target.pid, way)["refcounts"] for way in WAYS]
    differences = [
        f"{address}: {frozen.get(address)} {forked.get(address)}"
        for address in frozen.keys() | forked.keys()
        if frozen.get(address) != forked.get(address)
    ]
    assert not differences, some(differences)
    assert counts[0] == counts[1]


@pytest.mark.oldest_and_newest
def test_a_busy_process_is_seen_at_one_moment(interpreter: Interpreter):
    with service(interpreter) as target:
        for option in ["--fork", "--freeze"] * 3:
            report = document("report", target.pid, option)
            assert report["refcounts"]["deficit"] == 0
            assert report["undecoded"] == 0
            assert report["capture"]["consistent"]
        assert children_of(target.pid) == []
        assert target.process.poll() is None


@pytest.mark.oldest_and_newest
def test_a_busy_process_is_read_as_it_runs_many_times(interpreter: Interpreter):
    with service(interpreter) as target:
        for _ in range(TORN_LOOKS):
            report = document("report", target.pid, "--no-pause")
            assert report["objects"] > 10000
            assert report["pause_ms"] == 0
            assert not report["capture"]["consistent"]
        assert target.process.poll() is None


def test_memory_that_children_do_not_get_is_counted():
    with running(sys.executable, "-c", DONTFORK) as target:
        spots = {
            way: document("report", target.pid, way)["blind_spots"]
            for way in ("--freeze", "--fork")
        }
    assert spots["--freeze"]["unforked_bytes"] == 0
    assert spots["--fork"]["unforked_bytes"] >= (1 << 20) + (1 << 21)


def test_what_nobody_can_read_is_no_blind_spot():
    with running(sys.executable, "-c", CUT) as target:
        for way in WAYS:
            result = memexplorer("report", target.pid, way, "--json")
            spots = json.loads(result.stdout)["blind_spots"]
            assert spots["unreadable_bytes"] == 0
            assert spots["file_bytes"] == 0
            assert result.stderr == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_first_process_of_a_container_is_forked():
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        pytest.skip("no PID namespaces may be made here")
    with running(*command, sys.executable, TARGETS / "standing.py") as unshare:
        [pid] = children_of(unshare.pid)
        for _ in range(5):
            assert document("report", pid, "--fork")["refcounts"]["deficit"] == 0
            assert children_of(pid) == []


FILTERED = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
class Filter(ctypes.Structure):
    _fields_ = [('count', ctypes.c_ushort), ('code', ctypes.c_void_p)]
code = ctypes.create_string_buffer(bytes.fromhex(sys.argv[1]))
program = Filter(len(code) // 8, ctypes.addressof(code))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program)) == 0
print('ready', flush=True)
sys.stdin.read()
"""


def bpf(*instructions: Tuple[int, int, int, int]) -> str:
    """struct sock_filter: code, jump when true, when false, value."""
    return b"".join(struct.pack("<HBBI", *each) for each in instructions).hex()


LOAD_NUMBER, IF_CLONE = (0x20, 0, 0, 0), (0x15, 0, 1, 56)
ALLOW, KILL = (6, 0, 0, 0x7FFF0000), (6, 0, 0, 0x80000000)


def test_a_system_call_filter_that_kills_who_forks_is_a_reason_not_to():
    code = bpf(LOAD_NUMBER, IF_CLONE, KILL, ALLOW)
    with running(sys.executable, "-c", FILTERED, code) as target:
        result = memexplorer("report", target.pid, "--fork")
        assert result.returncode == 6
        assert "seccomp" in result.stderr
        assert "--freeze" in result.stderr
        assert result.stderr.count("\n") == 1
        assert memexplorer("report", target.pid).returncode == 0


def test_a_system_call_filter_that_lets_it_fork_is_none():
    """As a container has: who may read the filter knows what it says before anything is done."""
    code = bpf(LOAD_NUMBER, IF_CLONE, ALLOW, ALLOW)
    with running(sys.executable, "-c", FILTERED, code) as target:
        result = memexplorer("report", target.pid, "--fork", "--json")
        if result.returncode != 0:
            assert "CAP_SYS_ADMIN" in result.stderr
            pytest.skip("filters cannot be read here")
        assert json.loads(result.stdout)["refcounts"]["deficit"] == 0
        assert children_of(target.pid) == []


# ---- an explorer that is killed -----------------------------------------------------------------


def wait_for(what: Any, pid: int) -> None:
    deadline = time.monotonic() + PROGRESS_SECONDS
    while not what():
        assert time.monotonic() < deadline, f"pid {pid} stands still, or keeps its children"
        os.sched_yield()


def kill_explorer_after(seconds: float, pid: int) -> None:
    """Its whole process group, as a terminal or a supervisor does."""
    with subprocess.Popen(
        [PROGRAM, "report", str(pid), "--fork"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as explorer:  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            explorer.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(explorer.pid, 9)


def test_a_killed_explorer_leaves_no_child_and_a_running_target(tmp_path: Path):
    chance = random.Random(7)
    path = tmp_path / "count"
    path.write_bytes(bytes(8))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8) as counter, running(
        sys.executable, TARGETS / "counting.py", path
    ) as target:
        began = time.monotonic()
        assert memexplorer("report", target.pid, "--fork").returncode == 0
        whole = time.monotonic() - began
        for _ in range(KILLS):
            kill_explorer_after(chance.uniform(0, min(whole, 0.5)), target.pid)
            before = counter[:8]
            wait_for(lambda: counter[:8] != before, target.pid)  # noqa: B023
            wait_for(lambda: children_of(target.pid) == [], target.pid)
        assert memexplorer("report", target.pid, "--fork").returncode == 0
