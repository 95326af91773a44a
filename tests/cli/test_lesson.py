"""`memexplorer lesson`: finds a Python, runs the lesson there, and answers it from outside."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import documented_keys, error_line, keys_of, memexplorer, output

STAND_IN = textwrap.dedent(
    """
    import os, sys
    if __name__ == "__main__":
        print("arguments", *sys.argv[1:], flush=True)
        if "MEMEXPLORER_OUTSIDE" in os.environ:
            read_fd, write_fd = map(int, os.environ["MEMEXPLORER_OUTSIDE"].split(","))
            answers, questions = os.fdopen(read_fd), os.fdopen(write_fd, "w")
            v1 = ["list"]
            v2 = v1
            for question in ["refs 0x%x" % id(v1), "refs 0x10", "refs nonsense", "what"]:
                print(question, file=questions, flush=True)
                print(answers.readline().rstrip(), flush=True)
        sys.exit(7)
    """
)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A package memexplorer that comes before the installed one."""
    package = tmp_path / "memexplorer"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "lesson.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MEMEXPLORER_OUTSIDE", "9,9")  # a stale one must not reach the lesson
    return package


def test_a_lesson_runs_in_the_python_asked_for_and_gives_its_exit_code(stand_in):
    result = memexplorer("lesson", "gcing", "--python", sys.executable, "--json")
    assert (result.returncode, result.stdout) == (7, "arguments gcing --json\n")


def test_a_lesson_in_json_has_the_same_counts_inside_and_outside():
    pytest.importorskip("memexplorer")
    lesson = ["lesson", "gcing", "--outside", "--python", sys.executable]
    records = [json.loads(line) for line in output(*lesson, "--json").splitlines()]
    counts = [count for record in records for count in record["counts"]]
    assert counts
    assert keys_of(records) - documented_keys() == set()
    for count in counts:
        assert {key: count[key] for key in ["refcount", "alive", "immortal"]} == count["outside"]


def test_a_lesson_is_answered_from_outside(stand_in):
    result = memexplorer("lesson", "gcing", "--outside", "--python", sys.executable)
    _, two_names, nothing, *errors = result.stdout.splitlines()
    assert (two_names, nothing) == ("2 1 0", "0 0 0")
    assert [error.split()[0] for error in errors] == ["error", "error"]
    assert result.returncode == 7


def test_a_python_without_the_package_is_one_line_that_says_how_to_install_it(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    python = tmp_path / "bin" / "python"
    code, line = error_line("lesson", "gcing", "--python", python, cwd=tmp_path)
    assert code == 1
    assert f"{python} -m pip install " in line


def test_a_python_that_is_not_there_is_one_line():
    code, line = error_line("lesson", "gcing", "--python", Path("/nonexistent/python"))
    assert code == 1
    assert "/nonexistent/python" in line
