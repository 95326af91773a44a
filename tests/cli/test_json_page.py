"""docs/json.md has each key of `garbage --json` and `cycles --json`, and no other.

A key stands in the first column of a table of its section, or, for `cycles`, between backticks.
"""

import json
import re
import subprocess
from typing import Set

from conftest import PROGRAM, ROOT, keys_of

OF_THE_CYCLE = {"address", "type", "reference"}


def printed(command: str, pid: int) -> Set[str]:
    answer = subprocess.run([PROGRAM, command, str(pid), "--json"], capture_output=True, check=True)
    document = json.loads(answer.stdout)
    assert document["groups"], document
    document["capture"] = document["blind_spots"] = None  # have tables of their own
    return keys_of(document)


def section(title: str) -> str:
    """Of the page, from the heading to the next."""
    page = (ROOT / "docs" / "json.md").read_text()
    return page.split(f"## `memexplorer {title}`\n", 1)[1].split("\n## ", 1)[0]


def test_every_key_of_garbage_is_described_and_none_else(cyclic: int) -> None:
    text = section("garbage PID --json")
    described = set()
    for line in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE):
        described |= set(re.findall(r"`(\w+)`", line))
    assert printed("garbage", cyclic) == described | OF_THE_CYCLE
    for key in OF_THE_CYCLE:
        assert f"`{key}`" in text


def test_every_key_of_cycles_is_described_and_none_else(cyclic: int) -> None:
    described = set(re.findall(r"`(\w+)`", section("cycles PID --json"))) - {"garbage"}
    assert printed("cycles", cyclic) == described | OF_THE_CYCLE
