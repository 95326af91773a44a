"""A core file gives the answers that the process gave: written by gcore, and by the kernel."""

import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

import pytest
from processes import (
    LIMIT_SECONDS,
    PROGRAM,
    TARGETS,
    Interpreter,
    Target,
    memexplorer,
    output,
    running,
)

# Reading a stopped process takes time and memory of its own; all else has to be the same.
OWN = ("pause_ms", "walk_ms", "copied_bytes", "skipped_bytes", "target", "capture")
needs_gdb = pytest.mark.skipif(not shutil.which("gdb"), reason="gdb is not installed")


def allow_core() -> None:
    """As large as it may be; gcore writes threads' stacks whole, so they are small."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    resource.setrlimit(
        resource.RLIMIT_STACK, (2 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1])
    )


@contextmanager
def standing(interpreter: Interpreter, program: str, tmp_path: Path) -> Iterator[Target]:
    """A process that stands still, may write cores, and does so into tmp_path."""
    with running(
        interpreter.path,
        TARGETS / program,
        tmp_path / "facts",
        cwd=tmp_path,
        env={"MALLOC_ARENA_MAX": "1"},
        preexec_fn=allow_core,
    ) as target:
        os.kill(target.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        yield target


def comparable(facts: dict) -> dict:
    """Not what is a matter of the place: a core leaves out mapped files that are no programs."""
    kept = {key: value for key, value in facts.items() if key not in OWN}
    kept["blind_spots"] = {
        key: value
        for key, value in facts["blind_spots"].items()
        if key not in ("unreadable_bytes", "file_bytes", "shared_bytes", "device_bytes")
    }
    return kept


def report(place: Any) -> Any:
    return comparable(json.loads(output("report", place, "--json")))


def answers(place: Any) -> List[Any]:
    """All objects, the report, and the first function in full."""
    objects = output("objects", place, "--json").splitlines()
    function = next(
        record for record in map(json.loads, objects) if record["type"] == "builtins.function"
    )
    shown = json.loads(output("show", place, function["address"], "--json"))
    for key in ("capture", "blind_spots"):  # as in the report
        del shown[key]
    looks = [shown, json.loads(output("refs", place, function["address"], "--json"))]
    return [objects, report(place), looks]


def assert_nearly_same(core: List[Any], live: List[Any]) -> None:
    """All but what C stacks and registers hold, which counts only where a count asks for it."""
    for key in ("objects", "references", "bytes"):
        assert abs(core[1][key] - live[1][key]) < live[1][key] / 10_000
    assert core[1]["refcounts"]["deficit"] == 0
    for key in ("threads", "gc"):
        assert core[1][key] == live[1][key]
    assert core[2] == live[2]
    assert len(set(core[0]) ^ set(live[0])) <= 2 * len(live[1]["threads"])


def assert_same(core: List[Any], live: List[Any]) -> None:
    assert core[1] == live[1]
    assert core[2] == live[2]
    differing = [pair for pair in zip(core[0], live[0]) if pair[0] != pair[1]]
    assert not differing[:5]
    assert len(core[0]) == len(live[0])


def gcore(pid: int, directory: Path) -> Tuple[Path, bool]:
    """The core, and whether all of the memory is in it.

    From glibc 2.42 on a stack's guard pages are a part of its mapping: gdb 13 gives up at them, and
    writes zeros for the whole stack. The page of the kernel at the end is nobody's.
    """
    path = directory / f"dumped.{pid}"
    done = subprocess.run(
        ["gdb", "-batch", "-nx", "-p", str(pid), "-ex", f"generate-core-file {path}"],
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
    )
    unread = re.findall(r"Memory read failed for corefile section, .* at (0x\w+)", done.stderr)
    return path, set(unread) <= {"0xffffffffff600000"}


def kernel_core(target: Target, directory: Path) -> Optional[Path]:
    """Ends the process. None where the kernel writes cores elsewhere, or none."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    if "/" in pattern or "|" in pattern or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        return None
    os.kill(target.pid, signal.SIGABRT)  # it waits, and is met first when the process goes on
    os.kill(target.pid, signal.SIGCONT)
    target.process.wait(LIMIT_SECONDS)
    return next(directory.glob("core*"), None)


@needs_gdb
@pytest.mark.oldest_and_newest
def test_cores_of_gcore_and_of_the_kernel_give_the_answers_of_the_process(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    with standing(interpreter, "everything.py", tmp_path) as stopped:
        assert_cores_answer(stopped, tmp_path)


@needs_gdb
@pytest.mark.oldest_and_newest
@pytest.mark.parametrize("program", ["threads.py", "deep.py"])
def test_cores_have_the_threads_and_the_depth_of_the_process(
    interpreter: Interpreter, program: str, tmp_path: Path
) -> None:
    with standing(interpreter, program, tmp_path) as stopped:
        assert_cores_answer(stopped, tmp_path)


# Both in one test: the target takes a while to say "ready".
def assert_cores_answer(stopped: Target, tmp_path: Path) -> None:
    live = answers(stopped.pid)
    core, whole = gcore(stopped.pid, tmp_path)
    try:
        facts = json.loads(output("report", core, "--json"))
        target = facts["target"]
        if whole:
            assert_same(answers(core), live)
            if len(live[1]["threads"]) > 1:  # of one target: a file knows no versions
                snapshot = tmp_path / "of-core.mxs"
                output("capture", core, "-o", snapshot)
                assert_same(answers(snapshot), live)
        else:
            assert facts["blind_spots"]["threads_unseen"] > 0 or facts["refcounts"]["deficit"] == 0
        assert (target["pid"], target["from_core"]) == (stopped.pid, True)
    finally:
        core.unlink()  # half a gigabyte
    core = kernel_core(stopped, tmp_path)
    if core is None:
        pytest.skip("gcore agrees; the kernel writes no core into the working directory")
    # With other threads, these go on for an instant before the signal ends them all.
    alone = len(live[1]["threads"]) == 1
    try:
        (assert_same if alone else assert_nearly_same)(answers(core), live)
        facts = json.loads(output("report", core, "--json"))
        assert facts["target"]["pid"] == stopped.pid
        guards = 4096 * len(live[1]["threads"])  # pages of stacks that nobody can read
        assert facts["skipped_bytes"] <= (0 if whole else guards)
    finally:
        core.unlink()


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an interpreter that was copied, and can go away."""
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    directory = tmp_path_factory.mktemp("core")
    program = directory / "python"
    shutil.copy("/usr/bin/python3", program)
    with running(program, "-c", "print('ready', flush=True); input()") as target:
        gcore(target.pid, directory)[0].rename(directory / "core.1")
    return directory / "core.1"


def complaint(*arguments: Any) -> str:
    result = memexplorer(*arguments)
    assert result.returncode not in (0, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT)
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stdout == ""
    return result.stderr


def test_a_moved_program_is_named_and_another_one_refused(core: Path) -> None:
    program, moved = core.parent / "python", core.parent / "elsewhere"
    before = report(core)
    program.rename(moved)
    try:
        assert "--exe" in complaint("report", core)
        assert "not there" in complaint("report", core)
        shutil.copy("/bin/ls", program)
        assert "of another build" in complaint("report", core)
        assert "build-id" in complaint("report", core, "--exe", "/bin/ls")
        facts = json.loads(output("report", core, "--exe", moved, "--json"))
        assert comparable(facts) == before
    finally:
        moved.replace(program)


def test_what_is_no_core_is_said_in_one_line(core: Path, tmp_path: Path) -> None:
    def file(name: str, contents: bytes) -> Path:
        (tmp_path / name).write_bytes(contents)
        return tmp_path / name

    head = core.read_bytes()[:4096]
    assert "no core file of that name" in complaint("report", tmp_path / "none")
    assert "not a file" in complaint("report", tmp_path)
    assert "neither a process id nor a core" in complaint("report", file("text", b"hello" * 99))
    assert "neither a process id nor a core" in complaint("report", file("empty", b""))
    assert "zstd -d" in complaint("report", file("packed", b"\x28\xb5\x2f\xfd" + b"x" * 99))
    assert "not a core" in complaint("report", "/bin/ls")
    assert "32-bit" in complaint("report", file("narrow", head[:4] + b"\1" + head[5:]))
    other = head[:18] + struct.pack("<H", 183) + head[20:]
    assert "another machine" in complaint("report", file("other", other))
    assert "cut off" in complaint("report", file("short", head[:40]))
    assert "--exe goes with" in complaint("report", os.getpid(), "--exe", "/bin/ls")


def test_a_core_without_python_is_said_so(tmp_path: Path) -> None:
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            path, _ = gcore(process.pid, tmp_path)
        finally:
            process.kill()
    assert "is not a Python process" in complaint("report", path)


def test_a_core_that_is_cut_off_anywhere_is_survived(core: Path, tmp_path: Path) -> None:
    size, cut = core.stat().st_size, tmp_path / "cut"
    shutil.copy(core, cut)
    answered = 0
    for part in range(19, -1, -1):
        os.truncate(cut, size * part // 20)
        result = memexplorer("report", cut, "--json")
        assert result.returncode in range(13), result.stderr
        assert result.stderr.count("\n") == (result.returncode != 0)
        if result.returncode == 0:
            answered += 1
            assert json.loads(result.stdout)["skipped_bytes"] > 0
    assert answered < 20


def test_a_core_that_shrinks_while_it_is_read_kills_nobody(core: Path, tmp_path: Path) -> None:
    for delay in (0.0, 0.002, 0.005, 0.01, 0.02):
        cut = tmp_path / "cut"
        shutil.copy(core, cut)
        process = subprocess.Popen(
            [PROGRAM, "report", str(cut)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        os.truncate(cut, 1 << 16)
        assert process.wait(LIMIT_SECONDS) in range(13)
