"""What would be freed if a reference went away: the target then drops it, and just that is freed.

The target (targets/dropping.py) has a reference of every kind, each under a name. All of them are
asked about while nothing has happened yet (dropped.c, one capture); then the target drops one after
the other. Of the collector's objects it sees itself which died; whether others did, and the counts
of what stays, is read from outside.
"""

import collections
import json
import os
import subprocess
import sys
from typing import Dict, Iterator, List, NamedTuple

import pytest
from processes import (
    LIMIT_SECONDS,
    ROOT,
    TARGETS,
    Interpreter,
    document,
    memexplorer,
    running,
    some,
)

DROPPED = os.environ.get("MEMEXPLORER_DROPPED", str(ROOT / "build/tests/integration/dropped"))
# Others hold and let go of these all the time, the target by going on running.
SHARED = {"builtins.type", "builtins.str", "builtins.int", "builtins.function", "builtins.code",
          "builtins.dict", "builtins.module"}  # fmt: skip


class Scenario(NamedTuple):
    name: str
    predicted: dict
    dropped: dict
    collected: dict


class Answers(NamedTuple):
    scenarios: Dict[str, Scenario]
    names: Dict[int, str]
    before: Dict[int, dict]  # of what is not the collector's or stays: what `refs` says
    after: Dict[int, dict]


def ask(pid: int, scenarios: Dict[str, list]) -> Dict[str, dict]:
    lines = "".join(f"{address} {label or ''}\n" for address, label in scenarios.values())
    done = subprocess.run(
        [DROPPED, str(pid)], input=lines, capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(scenarios, map(json.loads, done.stdout.splitlines())))


def refs(pid: int, addresses: List[int]) -> Dict[int, dict]:
    records = document("refs", pid, *map(hex, addresses)) if addresses else []
    return {int(record["address"], 16): record for record in records}


@pytest.fixture(scope="module")
def answers(interpreter: Interpreter) -> Iterator[Answers]:
    with running(interpreter.path, TARGETS / "dropping.py") as target:
        scenarios = target.facts["scenarios"]
        predicted = ask(target.pid, scenarios)
        watched = sorted({
            address
            for each in predicted.values()
            for address, tracked, *_ in each["freed"] + each["collected"]
            if not tracked
        } | {address for each in predicted.values() for address, *_ in each["stays"]})  # fmt: skip
        before = refs(target.pid, watched)
        happened = {name: json.loads(target.say(name)) for name in scenarios}
        yield Answers(
            {name: Scenario(name, predicted[name], **happened[name]) for name in scenarios},
            {int(address): name for address, name in target.facts["names"].items()},
            before,
            refs(target.pid, watched),
        )


def differing(answers: Answers, scenario: Scenario, kind: str, dead: List[int]) -> List[str]:
    predicted = {address: type_ for address, tracked, type_ in scenario.predicted[kind] if tracked}
    return [
        f"{scenario.name}: {address:#x} {predicted.get(address, answers.names.get(address, '?'))} "
        f"{'predicted' if address in predicted else 'died'} alone"
        for address in sorted(set(predicted) ^ set(dead))
    ]


def test_what_dies_at_once_is_what_was_said(answers: Answers) -> None:
    wrong = [
        line
        for scenario in answers.scenarios.values()
        if scenario.name != "resurrection"
        for line in differing(answers, scenario, "freed", scenario.dropped["dead"])
    ]
    assert len(answers.scenarios) > 45
    assert sum(len(each.dropped["dead"]) for each in answers.scenarios.values()) > 500
    assert not wrong, some(wrong)


def test_what_the_collector_finds_is_what_was_left_to_it(answers: Answers) -> None:
    wrong = [
        line
        for scenario in answers.scenarios.values()
        for line in differing(answers, scenario, "collected", scenario.collected["dead"])
    ]
    assert sum(len(each.collected["dead"]) for each in answers.scenarios.values()) > 30
    assert not wrong, some(wrong)


def test_finalizers_and_callbacks_run_in_the_order_that_was_said(answers: Answers) -> None:
    wrong = []
    for name, scenario in answers.scenarios.items():
        said = [
            answers.names[address]
            for _, address, when in scenario.predicted["calls"]
            if when == "now" and address in answers.names
        ]
        if name == "no_collector":  # its objects have no names: no attributes at all
            said = ["no collector" for _ in scenario.predicted["calls"]]
        if name == "resurrection":  # what it holds is not let go
            said = said[:1]
        if said != scenario.dropped["log"]:
            wrong.append(f"{name}: said {said}, and what ran was {scenario.dropped['log']}")
    assert sum(len(each.dropped["log"]) for each in answers.scenarios.values()) > 150
    assert not wrong, some(wrong)


def test_the_collector_calls_what_was_said(answers: Answers) -> None:
    wrong = []
    for name, scenario in answers.scenarios.items():
        said = sorted(
            answers.names[address]
            for _, address, when in scenario.predicted["calls"]
            if when == "collector" and address in answers.names
        )
        if said != sorted(scenario.collected["log"]):
            wrong.append(f"{name}: said {said}, and what ran was {scenario.collected['log']}")
    assert any(each.collected["log"] for each in answers.scenarios.values())
    assert not wrong, some(wrong)


def test_what_is_not_the_collectors_is_gone_too(answers: Answers) -> None:
    gone = [
        address
        for scenario in answers.scenarios.values()
        if scenario.name != "resurrection"
        for address, tracked, _ in scenario.predicted["freed"] + scenario.predicted["collected"]
        if not tracked
    ]
    alike = ("alive", "type", "size", "preview")
    wrong = [
        f"{answers.before[address]} is still there"
        for address in gone
        if [answers.before[address][key] for key in alike]
        == [answers.after[address][key] for key in alike]
    ]
    assert len(gone) > 5
    assert not wrong, some(wrong)


def test_what_stays_is_alive_with_the_count_that_was_said(answers: Answers) -> None:
    lost: Dict[int, int] = collections.Counter()
    wrong = []
    for name, scenario in answers.scenarios.items():
        for address, type_, times, refcount, reason, holder in scenario.predicted["stays"]:
            before = answers.before[address]
            if type_ in SHARED or reason == "immortal":
                continue
            lost[address] += times
            if refcount != before["refcount"] - times:
                wrong.append(f"{name}: {refcount} after {times} of {before}")
            if reason == "held" and holder is None:
                wrong.append(f"{name}: nobody is said to hold {before}")
    for address, times in lost.items():
        before, after = answers.before[address], answers.after[address]
        left = before["refcount"] - times
        if (after["alive"], after["type"], after["refcount"]) != (True, before["type"], left):
            wrong.append(f"{before} was said to lose {times}: {after}")
    assert len(lost) > 5
    assert not wrong, some(wrong)


def test_an_object_held_by_c_code_stays(answers: Answers) -> None:
    scenario = answers.scenarios.get("held by C code")
    if scenario is None:
        pytest.skip("this Python was built without ctypes")
    assert scenario.predicted["fate"] == "stays"
    assert [stay[4] for stay in scenario.predicted["stays"]] == ["native"]
    assert not scenario.predicted["freed"] + scenario.predicted["collected"]


def test_all_references_to_an_object_are_listed(answers: Answers) -> None:
    predicted = answers.scenarios["everywhere"].predicted
    assert (predicted["fate"], predicted["references"]) == ("freed", 4)


# ---- the command ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def target() -> Iterator:
    with running(sys.executable, TARGETS / "dropping.py") as target:
        yield target


def place(target, name: str) -> str:
    address, label = target.facts["scenarios"][name]
    return f"{address:#x}{label or ''}"


def test_json_says_what_goes_in_which_order_and_what_stays(target) -> None:
    answer = document("free", target.pid, place(target, "shared"))
    assert answer["fate"] == "freed"
    assert [reference["label"] for reference in answer["references"]] == [".it"]
    names = {int(address): name for address, name in target.facts["names"].items()}
    ran = [names[int(call["address"], 16)] for call in answer["calls"]]
    assert ran == ["behind", "before"]
    stays = {stay["type"]: stay for stay in answer["stays"]}
    assert stays["__main__.Logged"]["reason"] == "held"
    assert stays["__main__.Logged"]["refcount"] == 1
    assert stays["__main__.Logged"]["holder"]["label"].startswith("[")


def test_a_person_reads_what_goes_and_why_the_rest_stays(target) -> None:
    printed = memexplorer("free", target.pid, place(target, "cycle_with_finalizers")).stdout
    assert "is freed at once" in printed
    assert "by the collector later" in printed
    assert "FREED, IN THIS ORDER" in printed
    assert "LEFT TO THE COLLECTOR" in printed
    assert "may keep its object" in printed


def test_a_name_that_is_not_there_is_answered_with_the_nearest(target) -> None:
    address, _ = target.facts["scenarios"]["a slot"]
    failed = memexplorer("free", target.pid, f"{address:#x}.firts")
    assert failed.returncode == 1
    assert f"{address:#x}, __main__.SlotsAndDict, has no reference .firts" in failed.stderr
    assert "the nearest are .first" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_quotes_may_be_either(target) -> None:
    address, _ = target.facts["scenarios"]["a key"]
    single, double = (
        document("free", target.pid, f"{address:#x}[{quote}key{quote}]") for quote in "'\""
    )
    assert single["freed"] == double["freed"] != []


@pytest.mark.parametrize(
    ("word", "line", "code"),
    [
        ("0x10", "no live object at 0x10", 1),
        ("nonsense", "'nonsense' is not an address", 2),
        ("", "'' is not an address", 2),
    ],
)
def test_bad_input_is_one_line(target, word: str, line: str, code: int) -> None:
    failed = memexplorer("free", target.pid, word)
    assert (failed.returncode, len(failed.stderr.splitlines())) == (code, 1)
    assert line in failed.stderr
