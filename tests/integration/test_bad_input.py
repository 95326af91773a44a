"""What cannot be explored says why in one line; what stands in an odd place is explored.

An explorer that is killed leaves its target running.
"""

import contextlib
import mmap
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from processes import (
    LIMIT_SECONDS,
    PROGRAM,
    TARGETS,
    Interpreter,
    found_interpreters,
    is_supported,
    load_tool,
    memexplorer,
    running,
)

KILLS = 100
READS_OF_ONE_THAT_EXITS = 50
NOBODY = 65534
PROGRESS_SECONDS = 30  # for one step of a program that counts: a loaded machine is slow

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def refusal(*arguments: Any, **options: Any) -> str:
    """The one line on standard error of a command that failed."""
    result = memexplorer(*arguments, **options)
    assert result.returncode != 0
    assert result.stdout == ""
    assert re.fullmatch(r"memexplorer: [^\n]+\n", result.stderr), result.stderr
    return result.stderr


def state_of(pid: int) -> str:
    """R, S, T ... as /proc has it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def process(*command: Any, **options: Any) -> Iterator[subprocess.Popen]:
    """A program that says nothing; it has done its execve when this yields."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, **options}
    with subprocess.Popen([str(part) for part in command], **options) as child:
        try:
            yield child
        finally:
            child.kill()


# ---- what is no CPython that we know ------------------------------------------------------------


@pytest.mark.parametrize("command", ["report", "objects", "refs", "show"])
def test_a_pid_that_does_not_exist_is_named(command: str):
    pid = 1 << 22  # above the largest pid_max
    addresses = ["0x1000"] if command in ("refs", "show") else []
    line = refusal(command, pid, *addresses)
    assert str(pid) in line
    assert "memexplorer ps" in line


def test_a_process_that_is_not_python_is_said_to_be_none():
    with process("sleep", "600") as child:
        line = refusal("report", child.pid)
    assert str(child.pid) in line
    assert "Python" in line


def test_a_kernel_thread_is_no_python():
    name = Path("/proc/2/comm")
    if not name.exists() or "kthreadd" not in name.read_text():
        pytest.skip("there are no kernel threads in this namespace")
    assert "2" in refusal("report", 2)


def test_a_zombie_is_said_to_be_one():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert state_of(child.pid) == "Z"
        line = refusal("report", child.pid)
    assert str(child.pid) in line
    assert re.search("exited|zombie|ended", line)


@as_root
def test_the_process_of_another_user_says_what_it_takes(interpreter: Interpreter, tmp_path: Path):
    library = Path(PROGRAM).resolve().parents[1] / "src"
    readable = tmp_path_for_all(tmp_path)
    program = shutil.copy(PROGRAM, readable / "memexplorer")
    for path in library.glob("libmemexplorer.so.0"):
        shutil.copy(path, readable)
    with running(interpreter.path, TARGETS / "standing.py") as target:
        result = subprocess.run(
            [program, "report", str(target.pid)],
            user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, cwd="/",
            env={"LD_LIBRARY_PATH": str(readable)}, timeout=LIMIT_SECONDS,
        )  # fmt: skip
    assert result.returncode == 3
    assert re.fullmatch(r"memexplorer: [^\n]+\n", result.stderr), result.stderr
    assert str(target.pid) in result.stderr
    assert re.search("root|sudo|CAP_SYS_PTRACE", result.stderr)


def tmp_path_for_all(tmp_path: Path) -> Path:
    """pytest's folders are the user's own: one that everybody may enter."""
    folder = Path("/tmp") / f"memexplorer-{os.getpid()}-{tmp_path.name}"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture(autouse=True)
def no_folder_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree(Path("/tmp") / f"memexplorer-{os.getpid()}-{tmp_path.name}", ignore_errors=True)


def unsupported_interpreters() -> List[Any]:
    """By version or implementation; --with-trace-refs is in test_builds.py."""
    traced = load_tool("python-envs").has_traced_headers
    return [
        pytest.param(facts, id=name)
        for name, facts in found_interpreters().items()
        if not is_supported(facts) and not traced(facts)
    ]


@pytest.mark.parametrize("facts", unsupported_interpreters())
def test_a_version_that_is_not_supported_is_named(facts: dict):
    code = "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.read()"
    with running(facts["binary"], "-c", code) as target:
        line = refusal("report", target.pid)
    assert str(target.pid) in line
    version = ".".join(map(str, facts["version"][:2]))
    expected = "PyPy" if facts["implementation"] == "pypy" else version
    assert expected in line
    assert "3.8" in line  # what is supported


def test_a_program_for_another_architecture_is_refused(tmp_path: Path):
    source, program = tmp_path / "wait.c", tmp_path / "python3"
    source.write_text(
        '#include <unistd.h>\nint main(void) { write(1, "ready\\n", 6); return pause(); }'
    )
    built = subprocess.run(["gcc", "-m32", "-o", program, source], capture_output=True)
    if built.returncode != 0:
        pytest.skip("gcc -m32 makes no 32-bit programs here")
    with running(program) as target:
        assert "32" in refusal("report", target.pid)


# ---- processes that go away ---------------------------------------------------------------------


EXITING = """
import os, sys, threading, time
held = [{"number": number, "text": str(number)} for number in range(20000)]
print("ready", flush=True)
time.sleep(float(sys.argv[1]))
os._exit(0)
"""


def test_a_target_that_exits_while_it_is_read_ends_in_one_line_or_a_report():
    chance = random.Random(5)
    outcomes = {"success": 0, "refusal": 0}
    for _ in range(READS_OF_ONE_THAT_EXITS):
        with running(sys.executable, "-c", EXITING, chance.uniform(0, 0.06)) as target:
            result = memexplorer("report", target.pid, "--json")
        if result.returncode == 0:
            assert result.stderr == ""
            outcomes["success"] += 1
        else:
            assert re.fullmatch(r"memexplorer: [^\n]+\n", result.stderr), result.stderr
            assert result.stdout == ""
            outcomes["refusal"] += 1
    assert sum(outcomes.values()) == READS_OF_ONE_THAT_EXITS


# ---- processes in odd places --------------------------------------------------------------------


def test_a_stopped_target_is_explored_and_stays_stopped(interpreter: Interpreter):
    with running(interpreter.path, TARGETS / "standing.py") as target:
        os.kill(target.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        assert memexplorer("report", target.pid, "--json").returncode == 0
        assert state_of(target.pid) == "T"
        os.kill(target.pid, signal.SIGCONT)
        assert memexplorer("report", target.pid, "--json").returncode == 0
        assert state_of(target.pid) in "SR"


def can_unshare(*options: str) -> bool:
    done = subprocess.run(["unshare", *options, "true"], capture_output=True)
    return done.returncode == 0


@as_root
def test_a_target_in_another_mount_namespace_is_explored(interpreter: Interpreter, tmp_path: Path):
    if not can_unshare("--mount"):
        pytest.skip("no mount namespaces may be made here")
    prefix = Path(interpreter.path).parents[1]
    if prefix == Path("/usr"):
        pytest.skip("the interpreter of the system cannot be hidden")
    # The interpreter is visible under this name in its own namespace alone.
    place = tmp_path / "hidden"
    place.mkdir()
    inside = place / "bin" / Path(interpreter.path).name
    script = 'mount --bind "$1" "$2" && exec "$3" "$4"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", prefix, place, inside,
               TARGETS / "standing.py"]  # fmt: skip
    with running(*command, env={"LD_LIBRARY_PATH": str(place / "lib")}) as target:
        assert not inside.exists()
        result = memexplorer("report", target.pid, "--json")
    assert (result.returncode, result.stderr) == (0, "")


@as_root
def test_a_target_in_another_pid_namespace_is_explored(interpreter: Interpreter):
    if not can_unshare("--pid", "--fork"):
        pytest.skip("no PID namespaces may be made here")
    command = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        interpreter.path,
        TARGETS / "standing.py",
    ]
    with running(*command) as unshare:
        children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split()
        assert len(children) == 1
        result = memexplorer("report", children[0], "--json")
    assert (result.returncode, result.stderr) == (0, "")


def copied_interpreter(interpreter: Interpreter, folder: Path) -> Path:
    """The binary, and the shared library next to it, in a place where they may be deleted."""
    prefix = Path(interpreter.path).parents[1]
    for library in (prefix / "lib").glob("libpython3.*.so.1.0"):
        shutil.copy(library, folder)
    return Path(shutil.copy(interpreter.path, folder / "python3"))


@pytest.mark.parametrize("what", ["deleted", "replaced"])
def test_a_target_whose_files_are_gone_is_explored(
    what: str, interpreter: Interpreter, tmp_path: Path
):
    program = copied_interpreter(interpreter, tmp_path)
    environment = {
        "LD_LIBRARY_PATH": str(tmp_path),
        "PYTHONHOME": str(Path(interpreter.path).parents[1]),
    }
    if Path(interpreter.path).parents[1] == Path("/usr"):
        del environment["PYTHONHOME"]
    with running(program, TARGETS / "standing.py", env=environment) as target:
        for path in list(tmp_path.iterdir()):
            path.unlink()
            if what == "replaced":
                path.write_bytes(b"\x7fELF no longer" * 1000)
        result = memexplorer("report", target.pid, "--json")
        if result.returncode == 0:
            assert '"objects"' in result.stdout
        else:  # or it says why
            assert re.fullmatch(r"memexplorer: [^\n]+\n", result.stderr), result.stderr
            pytest.fail(result.stderr)


# ---- an explorer that is killed -----------------------------------------------------------------


def wait_for_progress(counter: mmap.mmap, pid: int) -> None:
    """Returns when the program has counted on; fails when it stands still."""
    before, deadline = counter[:8], time.monotonic() + PROGRESS_SECONDS
    while counter[:8] == before:
        assert time.monotonic() < deadline, f"pid {pid} stands still: state {state_of(pid)}"
        os.sched_yield()


def kill_explorer_after(seconds: float, pid: int) -> None:
    with subprocess.Popen(
        [PROGRAM, "report", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as explorer:
        with contextlib.suppress(subprocess.TimeoutExpired):
            explorer.wait(seconds)
        explorer.kill()


def states_of_threads(pid: int) -> str:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return "".join((task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks)


def test_a_killed_explorer_leaves_a_busy_target_running(tmp_path: Path):
    chance = random.Random(7)
    path = tmp_path / "count"
    path.write_bytes(bytes(8))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8) as counter, running(
        sys.executable, TARGETS / "counting.py", path
    ) as target:
        began = time.monotonic()
        assert memexplorer("report", target.pid).returncode == 0
        whole = time.monotonic() - began
        for _ in range(KILLS):
            kill_explorer_after(chance.uniform(0, min(whole, 0.5)), target.pid)
            wait_for_progress(counter, target.pid)
            assert not set("Tt") & set(states_of_threads(target.pid))
        assert memexplorer("report", target.pid).returncode == 0
