"""A block of memory belongs to whom the program says, not to a word that was left behind."""

import json

from processes import TARGETS, Interpreter, output, running

# An array and a bytearray count their buffer in `size`.
LARGE = "SELECT type, kind, preview, extra FROM objects WHERE extra >= 900000"


def test_words_that_nobody_has_written_own_no_block_and_a_view_does_not(
    interpreter: Interpreter,
) -> None:
    with running(interpreter.path, TARGETS / "stale.py") as target:
        large = output("sql", target.pid, LARGE, "--json").splitlines()
    assert [json.loads(row) for row in large] == []
