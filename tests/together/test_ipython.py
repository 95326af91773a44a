"""%%memtrace in a real IPython."""

from typing import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

CELL = """%%memtrace
class Node:
    pass
node = Node()
other = node
del node
other = None
[1, 2][1]
"""


@pytest.fixture(name="shell", scope="module")
def fixture_shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance(colors="nocolor", history_length=0)
    assert shell.run_cell("%load_ext memexplorer").success
    yield shell
    InteractiveShell.clear_instance()


def test_a_cell_is_traced_and_shows_its_value(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.run_cell(CELL).success
    lines = capsys.readouterr().out.splitlines()
    for wanted in ("node = Node(", "Node#", "born", "died: reference count reached zero"):
        assert any(wanted in line for line in lines), lines
    assert lines[-1].endswith("2")
    assert shell.user_ns["other"] is None and "node" not in shell.user_ns


def test_a_cell_that_fails_is_shown_as_far_as_it_came(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    done = shell.run_cell("%%memtrace\nmine = [1]\n1 / 0\nmine = 2\n")
    assert isinstance(done.error_in_exec, ZeroDivisionError)
    out = capsys.readouterr().out
    assert "mine = list#" in out and "ZeroDivisionError" in out
    assert shell.user_ns["mine"] == [1]


def test_what_is_no_option_is_said(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("%%memtrace --wrong\npass")
    assert "--wrong is no option" in capsys.readouterr().err
