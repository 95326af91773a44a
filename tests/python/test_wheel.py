"""What was installed: the command line in the wheel, and the lessons."""

import json
import os
import subprocess
import sys
from pathlib import Path

import memexplorer
import pytest

COMMAND = Path(sys.executable).parent / "memexplorer"
PACKAGE = Path(memexplorer.__file__).parent


def run(*arguments, **environment):
    """With an environment of the system alone: what is active or on PATH must not matter."""
    return subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", **environment})  # fmt: skip


def test_the_command_is_the_program_in_the_wheel():
    done = run(COMMAND, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"memexplorer {memexplorer.__version__}\n"
    assert run(sys.executable, "-m", "memexplorer", "--version").stdout == done.stdout
    assert os.access(PACKAGE / "bin" / "memexplorer", os.X_OK)


def test_processes_are_found_and_reported():
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    try:
        process.stdout.readline()
        listed = json.loads(run(COMMAND, "ps", "--json").stdout)
        assert process.pid in [one["pid"] for one in listed]
        done = run(COMMAND, "report", process.pid, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        version = json.loads(done.stdout)["target"]["python"]
        assert version.startswith("{}.{}.{}".format(*sys.version_info))
    finally:
        process.communicate()


@pytest.mark.parametrize("lesson", ["refcounting", "gcing"])
def test_the_lesson_runs_in_the_interpreter_of_the_wheel(lesson):
    outside = run(COMMAND, "lesson", lesson, "--outside")
    assert (outside.returncode, outside.stderr) == (0, "")
    assert f"on CPython {sys.version.split()[0]}" in outside.stdout
    assert "MISMATCH" not in outside.stdout


def test_a_failing_command_has_the_exit_code_and_the_line_of_the_program():
    done = run(COMMAND, "report", "2147483646")
    assert (
        done.returncode == run(PACKAGE / "bin" / "memexplorer", "report", "2147483646").returncode
    )
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1


def test_the_program_alone_asks_the_package_for_what_is_python():
    program = PACKAGE / "bin" / "memexplorer"
    done = run(program, "run", MEMEXPLORER_PYTHON=sys.executable)
    assert done.returncode == 2
    assert done.stderr.startswith("memexplorer run: no command to run")
    missing = run(program, "run", MEMEXPLORER_PYTHON="/nowhere/python")
    assert missing.returncode != 0
    assert len(missing.stderr.splitlines()) == 1
    assert "/nowhere/python" in missing.stderr
