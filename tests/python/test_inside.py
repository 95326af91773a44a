"""Snapshots written from inside: install(), `memexplorer run`, capture --from-inside."""

import json
import os
import platform
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import memexplorer
import pytest

RUN = [sys.executable, "-m", "memexplorer", "run"]
PROGRAM = Path(memexplorer.__file__).parent / "bin" / "memexplorer"

# A filter that answers ptrace, process_vm_readv and process_vm_writev with EPERM, as containers do.
FORBID = """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
def rule(code, yes, no, k):
    return struct.pack("HBBI", code, yes, no, k)
calls = [101, 310, 311]
rules = [rule(0x20, 0, 0, 0)]
rules += [rule(0x15, len(calls) - i, 0, n) for i, n in enumerate(calls)]
rules += [rule(0x06, 0, 0, 0x7FFF0000), rule(0x06, 0, 0, 0x00050001)]
code = ctypes.create_string_buffer(b"".join(rules))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = Program(len(rules), ctypes.addressof(code))
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0  # PR_SET_SECCOMP
assert libc.ptrace(0, 0, 0, 0) == -1 and ctypes.get_errno() == 1
assert libc.prctl(4, 0, 0, 0, 0) == 0  # PR_SET_DUMPABLE
"""

# The frames that failed are looked at while they are there: their locals are in the snapshot.
FAILS = """
class Marked:
    pass

def fail():
    marked = [Marked() for _ in range(777)]
    [None] * (1 << 62)

"""


def run(arguments, code, folder, **more):
    script = folder / "app.py"
    script.write_text(textwrap.dedent(code))
    return subprocess.run(
        [*arguments, "--", sys.executable, str(script), "one", "--two"],
        capture_output=True, text=True, timeout=120, cwd=str(folder), **more)  # fmt: skip


def count_of(path, name):
    with memexplorer.open(path) as snapshot:
        rows = snapshot.sql(f"SELECT count(*) AS n FROM objects WHERE type = '{name}'")
        return rows[0].n


def assert_is_private(path):
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [name for name in os.listdir(os.path.dirname(path)) if ".mxs" in name] == [
        os.path.basename(path)
    ]


# ---- memexplorer run ----------------------------------------------------------------------------


def test_run_writes_what_an_uncaught_memory_error_leaves(tmp_path):
    done = run([*RUN, "--on-memory-error", "oom.mxs"], FAILS + "print('out')\nfail()\n", tmp_path)
    assert (done.returncode, done.stdout) == (1, "out\n")
    assert "memory ran out; the snapshot is" in done.stderr
    assert done.stderr.rstrip().endswith("MemoryError")
    assert count_of(tmp_path / "oom.mxs", "__main__.Marked") == 777
    assert_is_private(tmp_path / "oom.mxs")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no sys.monitoring: only uncaught ones")
def test_run_writes_at_the_moment_when_a_memory_error_is_raised(tmp_path):
    code = FAILS + "try:\n    fail()\nexcept MemoryError:\n    print('went on')\n"
    done = run([*RUN, "--on-memory-error", "oom.mxs"], code, tmp_path)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert count_of(tmp_path / "oom.mxs", "__main__.Marked") == 777


def test_in_threads_and_finalizers(tmp_path):
    code = (
        FAILS
        + """
import threading, sys
if sys.argv[1] == "one":
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
print("went on")
"""
    )
    done = run([*RUN, "--on-memory-error", "oom.mxs"], code, tmp_path)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert count_of(tmp_path / "oom.mxs", "__main__.Marked") == 777


def test_a_program_that_has_used_all_its_address_space(tmp_path):
    """Small objects, until there is not one page more."""
    code = """
    import resource
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    limits = used + (96 << 20), resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, limits)
    class Marked:
        pass
    kept = []
    while True:
        kept.append([Marked(), bytes(1000)])
    """
    done = run([*RUN, "--on-memory-error", "oom.mxs"], code, tmp_path)
    assert done.returncode == 1
    assert "the snapshot is" in done.stderr
    assert count_of(tmp_path / "oom.mxs", "__main__.Marked") > 10000


def test_where_the_limit_leaves_no_room_for_a_copy_it_is_said_what_to_do(tmp_path):
    """A hard limit cannot be raised for the child that explores."""
    code = """
    import resource
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (96 << 20), used + (96 << 20)))
    kept = []
    while True:
        kept.append(b"x" * 100000)
    """
    done = run([*RUN, "--reserve", "2M", "--on-memory-error", "oom.mxs"], code, tmp_path)
    assert done.returncode == 1
    assert "no snapshot was written: " in done.stderr
    assert "keep more than 2 MiB back with --reserve" in done.stderr
    assert not list(tmp_path.glob("*.mxs"))


def test_where_debuggers_are_forbidden(tmp_path):
    pytest.importorskip("ctypes")
    if platform.machine() != "x86_64":
        pytest.skip("the filter is written for x86-64")
    done = run([*RUN, "--on-memory-error", "oom.mxs"], FORBID + FAILS + "fail()\n", tmp_path)
    assert "AssertionError" not in done.stderr
    assert "the snapshot is" in done.stderr
    assert count_of(tmp_path / "oom.mxs", "__main__.Marked") == 777


def test_the_program_is_as_it_would_be_without(tmp_path):
    code = """
    import os, sys
    sys.stdout.write(repr([sys.argv[1:], sys.path[1:], dict(os.environ), sys.flags, __name__,
                           "sitecustomize" in sys.modules, sys.stdin.read()]))
    sys.stderr.write("own")
    sys.exit(7)
    """
    with_us = run([*RUN, "--on-memory-error", "oom.mxs"], code, tmp_path, input="in")
    plain = subprocess.run([sys.executable, str(tmp_path / "app.py"), "one", "--two"], input="in",
                           capture_output=True, text=True, cwd=str(tmp_path))  # fmt: skip
    first, second = with_us.stdout, plain.stdout.replace("False, 'in']", "True, 'in']")
    assert first == second
    assert (with_us.returncode, with_us.stderr) == (7, "own")
    assert not list(tmp_path.glob("*.mxs"))


def test_a_signal_ends_the_program_as_ever(tmp_path):
    done = run(
        [*RUN, "--on-memory-error", "o.mxs"], "import os; os.kill(os.getpid(), 15)", tmp_path
    )
    assert done.returncode == -signal.SIGTERM


def test_every_process_writes_its_own_file(tmp_path):
    code = (
        FAILS
        + """
import os, subprocess, sys
if sys.argv[1] == "one":
    if os.fork():
        os.wait()
        subprocess.run([sys.executable, __file__, "child"])
        sys.exit()
fail()
"""
    )
    run([*RUN, "--on-memory-error", "oom-{pid}.mxs"], code, tmp_path)
    files = list(tmp_path.glob("oom-*.mxs"))
    assert len(files) == 2  # the forked one, and the one that was started
    for file in files:
        assert count_of(file, "__main__.Marked") == 777


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no command"),
        (["--", "x"], "when is a snapshot"),
        (["--on-memory-error", "/nowhere/x.mxs", "--", "x"], "/nowhere"),
        (["--on-memory-error", "x.mxs", "--", "./no-such-program"], "no such program"),
        (["--on-memory-error", "x.mxs", "--", "python3", "-I", "x.py"], "python -I"),
        (["--on-memory-error", "x.mxs", "--reserve", "much", "--", "x"], "--reserve"),
        (["--on-signal", "SIGNOTHING", "x.mxs", "--", "x"], "SIGNOTHING"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, said, tmp_path):
    done = subprocess.run(
        [*RUN, *arguments], capture_output=True, text=True, timeout=60, cwd=str(tmp_path)
    )
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


# ---- install ------------------------------------------------------------------------------------


def test_a_signal_writes_a_snapshot_each_time(tmp_path, capfd):
    seen = []
    before = signal.signal(signal.SIGUSR2, lambda *_: seen.append(1))
    try:
        memexplorer.install(signal=signal.SIGUSR2, on_signal=tmp_path / "s-{n}.mxs")
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR2)
        memexplorer.uninstall()
        assert seen == [1, 1]  # the handler before is still called
        os.kill(os.getpid(), signal.SIGUSR2)
        assert seen == [1, 1, 1]
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s-1.mxs", "s-2.mxs"]
    assert count_of(tmp_path / "s-2.mxs", "builtins.module") > 10
    assert "s-1.mxs" in capfd.readouterr().err


def test_uninstall_takes_back_every_hook():
    before = sys.excepthook, sys.unraisablehook
    memexplorer.install(on_memory_error="never-{pid}.mxs")
    assert sys.excepthook is not before[0]
    memexplorer.install(on_memory_error="never-{pid}.mxs")
    memexplorer.uninstall()
    assert (sys.excepthook, sys.unraisablehook) == before


def test_other_exceptions_write_nothing(tmp_path):
    memexplorer.install(on_memory_error=tmp_path / "x.mxs")
    try:
        for error in (KeyError, OSError, StopIteration):
            try:
                raise error(1)
            except error:
                pass
    finally:
        memexplorer.uninstall()
    assert not list(tmp_path.iterdir())


def test_where_no_file_can_be_written_the_program_goes_on(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    code = FAILS + f"import os; os.rmdir({str(folder)!r})\nfail()\n"
    done = run([*RUN, "--on-memory-error", str(folder / "x.mxs")], code, tmp_path)
    assert "no snapshot was written" in done.stderr
    assert done.stderr.rstrip().endswith("MemoryError")


# ---- from inside --------------------------------------------------------------------------------


def capture_from_inside(pid, file, *more):
    command = [sys.executable, "-m", "memexplorer", "capture", str(pid), "--from-inside"]
    return subprocess.run(
        [*command, "-o", str(file), *more], capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def busy():
    code = "class Marked: pass\nkept = [Marked() for _ in range(777)]\nprint('ready', flush=True)\n"
    code += "while True: sum(range(1000))\n"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="sys.remote_exec came with 3.14")
def test_a_running_process_writes_its_own_snapshot(busy, tmp_path):
    done = capture_from_inside(busy.pid, tmp_path / "in.mxs", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["file_bytes"] == (tmp_path / "in.mxs").stat().st_size
    assert count_of(tmp_path / "in.mxs", "__main__.Marked") == 777
    assert_is_private(tmp_path / "in.mxs")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it has sys.remote_exec")
def test_an_older_process_is_refused_with_the_remedy(busy, tmp_path):
    done = capture_from_inside(busy.pid, tmp_path / "in.mxs")
    assert done.returncode == 1
    assert f"memexplorer capture {busy.pid}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
