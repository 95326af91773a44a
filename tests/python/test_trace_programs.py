"""Births, deaths, finalizers: on which line, and by what, of programs with known answers.

Each program of trace_programs/ says at the end of a line what happens there, after "#:"

    +Node           one is born          -Node count     one dies, by its count reaching zero
    !Node count     its finalizer runs   -Node collector 2
    ^Node count     it is resurrected

or in a line of its own what happens at shutdown, and with what status it ends. What follows (3.11+)
(-3.10) or (3.10-3.13) is so in these versions: who holds an argument during a call differs.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from trace_run import run_traced, skip_where_not_traced

PROGRAMS = sorted((Path(__file__).parent / "trace_programs").glob("*.py"))
SIGNS = {"+": "birth", "-": "death", "!": "finalizer", "^": "resurrected"}
WORD = re.compile(r"([-+!^])(\w+)((?: [a-z][a-z-]*)?(?: \d)?)")

pytestmark = skip_where_not_traced


def of_this_version(words: str) -> str:
    """Without what stands behind a "(3.11+)", "(-3.10)" or "(3.10-3.13)" that is not for us."""
    kept, *limited = re.split(r"\((3[^)]*|-3[^)]*)\)", words)
    for limit, more in zip(limited[::2], limited[1::2]):
        first, _, last = limit.rstrip("+").partition("-")
        if not limit.endswith("+") and not last:
            last = first
        low, high = first.partition(".")[2], last.partition(".")[2]
        if (not low or sys.version_info[1] >= int(low)) and (
            not high or sys.version_info[1] <= int(high)
        ):
            kept += more
    return kept


def expected_of(program: Path) -> Tuple[Counter, int]:
    known: Counter = Counter()
    status = 0
    for number, line in enumerate(program.read_text().splitlines(), 1):
        code, mark, words = line.partition("#:")
        if not mark:
            continue
        if words.startswith(" status"):
            status = int(words.split()[1])
            continue
        words = of_this_version(words)
        found = WORD.findall(words)
        rest = WORD.sub("", words).split()
        assert rest in ([], ["shutdown"]), f"{program.name}:{number}: {words}"
        for sign, kind, how in found:
            known[SIGNS[sign], kind, how.strip(), number if code.strip() else None] += 1
    return known, status


def how_of(event: Dict[str, Any]) -> str:
    if event["event"] == "birth":
        return ""
    how: str = event.get("cause") or event["by"]
    return f"{how} {event['generation']}" if how in ("collector", "count-after-collector") and (
        event["event"] == "death") else how  # fmt: skip


def seen_of(events: List[Dict[str, Any]]) -> Counter:
    return Counter(
        (event["event"], event["object"]["type"], how_of(event), event.get("line"))
        for event in events
        if event["event"] in SIGNS.values()
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_births_deaths_lines_and_causes_are_as_known(program: Path, tmp_path: Path) -> None:
    known, status = expected_of(program)
    done, events = run_traced(program, tmp_path)
    assert done.returncode == status, done.stderr
    seen = seen_of(events)
    assert (seen - known, known - seen) == (Counter(), Counter())
