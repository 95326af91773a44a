"""tools/check-includes, on small trees made up here."""

import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check-includes"


@pytest.fixture
def check(tmp_path):
    """Writes one file into an empty tree; what the tool says of it, or "" when it is content."""

    def check(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        done = subprocess.run([str(TOOL), str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert (done.returncode == 0) == (done.stdout == "")
        return done.stdout

    return check


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("src/base/a.c", "memory/memory.h"),
        ("src/memory/a.c", "layout/layout.h"),
        ("src/layout/a.c", "memory/memory.h"),
        ("src/decode/a.c", "heap/heap.h"),
        ("src/graph/a.c", "decode/decoder.h"),
        ("cli/a.c", "base/vector.h"),
        ("cli/a.c", "../src/base/vector.h"),
        ("python/src/a.c", "memory/memory.h"),
    ],
)
def test_include_against_the_direction_is_found(check, name, header):
    assert f'{name}:2: includes "{header}"' in check(name, f'\n#include "{header}"\n')


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("src/memory/a.c", "base/error.h"),
        ("src/decode/a.c", "layout/layout.h"),
        ("src/heap/a.c", "decode/decoder.h"),
        ("src/heap/a.c", "memexplorer.h"),
        ("cli/a.c", "memexplorer.h"),
    ],
)
def test_include_along_the_direction_is_allowed(check, name, header):
    assert check(name, f'#include "{header}"\n') == ""


def test_command_line_may_include_its_own_headers(check):
    check("cli/command.h", "")
    assert check("cli/main.c", '#include "command.h"\n') == ""


def test_room_that_nobody_declared_is_found(check):
    assert "src/attic/ is not in the table" in check("src/attic/a.c", "")


@pytest.mark.parametrize("call", ['printf("x")', "exit(1)", "abort()", "fputs(s, stderr)"])
def test_library_that_prints_or_exits_is_found(check, call):
    assert "src/base/a.c:1: calls" in check("src/base/a.c", f"void f(void) {{ {call}; }}\n")


def test_command_line_may_print_and_exit(check):
    assert check("cli/a.c", 'void f(void) { printf("x"); exit(1); }\n') == ""


@pytest.mark.parametrize("call", ["strcpy(a, b)", "sprintf(a, b)", "atoi(a)", "alloca(9)"])
def test_unbounded_function_is_found_everywhere(check, call):
    assert "cli/a.c:1: calls" in check("cli/a.c", f"void f(void) {{ {call}; }}\n")


@pytest.mark.parametrize(
    "text", ["// exit(1)", 'x = "exit(1)";', "_exit(1);", "snprintf(a, 1, b);"]
)
def test_words_that_only_look_banned_are_allowed(check, text):
    assert check("src/base/a.c", text + "\n") == ""


def test_file_of_401_lines_is_found(check):
    assert check("src/base/a.c", "\n" * 400) == ""
    assert "401 lines" in check("src/base/a.c", "\n" * 401)
