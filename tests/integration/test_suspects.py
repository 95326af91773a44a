"""Planted leaks (tests/leaks): `suspects` names who holds them, among its first three.

Each program says in its head what a person would call the holder (words that all have to stand in
`holder`), and of what the leaked objects are (one of these types has to be among those that hang
there). Several programs wait at once, so that each is looked at while the next one starts.
"""

import concurrent.futures
import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest
from processes import ROOT, Interpreter, document, found_interpreters, is_supported, running, some

sys.path.append(str(ROOT / "tests" / "exactness"))
import packages  # noqa: E402

LEAKS = ROOT / "tests" / "leaks"
FIRST = 3
NAMED_RIGHT = 0.95
AT_ONCE = 2
WHOLE = [(3, 11), (3, 14)]  # versions on which all of them run; on each other one a third
HEAD = re.compile(r"^# (holder|of|needs): (.*)$", re.MULTILINE)


class Leak(NamedTuple):
    path: Path
    holder: List[str]
    types: List[str]
    needs: str

    def is_named_by(self, suspect: dict) -> bool:
        words = all(
            re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)|\.{re.escape(word)}(?!\w)", text)
            for word in self.holder
            for text in [suspect["holder"]]
        )
        types = {suspect["of_type"], suspect["type"], *(row["type"] for row in suspect["types"])}
        return words and not types.isdisjoint(self.types)


def read_leak(path: Path) -> Leak:
    facts = dict(HEAD.findall(path.read_text()))
    types = [name.strip() for name in facts["of"].split("|")]
    return Leak(path, facts["holder"].split(), types, facts.get("needs", ""))


ALL = [read_leak(path) for path in sorted(LEAKS.glob("*.py")) if path.name != "shop.py"]


def leaks_for(interpreter: Interpreter) -> List[Leak]:
    """All of them on one build each of two versions, on the others every third, in turn."""
    found = [facts for facts in found_interpreters().values() if is_supported(facts)]
    plain = [facts for facts in found if not facts["free_threaded"] and not facts["debug"]]
    for version in WHOLE:
        of_it = [facts["binary"] for facts in plain if tuple(facts["version"][:2]) == version]
        if of_it[:1] == [interpreter.path]:
            return ALL
    place = [facts["binary"] for facts in found].index(interpreter.path)
    # There are no wheels for every build: what needs packages runs on the two.
    return [leak for leak in ALL[place % 3 :: 3] if not leak.needs]


def environment(leak: Leak, interpreter: Interpreter) -> Dict[str, str]:
    if not leak.needs:
        return {}
    site = packages.site(leak.needs, interpreter.version, interpreter.free_threaded)
    return {"PYTHONPATH": str(site)}


class Answer(NamedTuple):
    leak: Leak
    said: Any  # of memexplorer suspects --json; None where the program needs what is not there

    @property
    def is_right(self) -> bool:
        return any(self.leak.is_named_by(suspect) for suspect in self.said["suspects"][:FIRST])

    def __str__(self) -> str:
        lines = [f"{self.leak.path.name}: {' '.join(self.leak.holder)}, {self.leak.types}"]
        return "\n  ".join(lines + [suspect["text"] for suspect in self.said["suspects"][:5]])


def ask(interpreter: Interpreter, leak: Leak) -> Answer:
    try:
        more = environment(leak, interpreter)
        with running(interpreter.path, leak.path, env=more, stderr=subprocess.DEVNULL) as target:
            return Answer(leak, document("suspects", target.pid))
    except (packages.Missing, pytest.skip.Exception):
        return Answer(leak, None)


@pytest.mark.oldest_and_newest  # programs, of which the version decides little
def test_planted_leaks_are_among_the_first_suspects(interpreter: Interpreter) -> None:
    if interpreter.version[:2] in ((3, 9), (3, 10), (3, 12), (3, 13)):
        pytest.skip("between versions that are asked")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(functools.partial(ask, interpreter), leaks_for(interpreter)))
    answers = [answer for answer in answers if answer.said]
    wrong = [str(answer) for answer in answers if not answer.is_right]
    print("\n".join(wrong))
    assert len(answers) > len(ALL) / 4
    assert len(wrong) <= (1 - NAMED_RIGHT) * len(answers), some(wrong)
