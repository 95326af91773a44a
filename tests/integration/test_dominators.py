"""What objects retain is what the program itself knows that they own alone, to the byte."""

from typing import Dict, Iterator, List, NamedTuple, Tuple

import pytest
from processes import TARGETS, Interpreter, Target, document, memexplorer, output, running

pytestmark = pytest.mark.oldest_and_newest  # what is asked of a snapshot knows no versions


class Owning(NamedTuple):
    target: Target
    rows: List[dict]  # of the whole tree, some levels deep
    total: int
    by_type: List[dict]


@pytest.fixture(scope="module")
def owning(interpreter: Interpreter) -> Iterator[Owning]:
    with running(interpreter.path, TARGETS / "owning.py") as target:
        whole = document("dominators", target.pid, "--verify", "--depth", "5", "--top", "100000")
        assert whole["verified"] is True  # the certificate of flow: every dominator is one
        folded = document("dominators", target.pid, "--by-type", "--depth", "4", "--top", "100000")
        yield Owning(target, whole["rows"], whole["total"], folded["rows"])


def known_of(owning: Owning) -> Dict[str, dict]:
    return {name: row for name, row in owning.target.facts.items() if name != "keeper"}


def parents(rows: List[dict]) -> Iterator[Tuple[dict, List[dict]]]:
    """Each row of a tree with those one deeper; the last level is left out."""
    deepest = max(row["depth"] for row in rows)
    way: List[Tuple[dict, List[dict]]] = []
    for row in rows:
        while len(way) > row["depth"]:
            yield way.pop()
        if way:
            way[-1][1].append(row)
        if row["depth"] < deepest:
            way.append((row, []))
    yield from reversed(way)


# ---- what the program knows -------------------------------------------------------------------


def test_an_object_retains_what_is_owned_through_it_alone(owning: Owning) -> None:
    for name, known in known_of(owning).items():
        answer = document("retained", owning.target.pid, known["address"])
        found = (name, answer["retained"], answer["objects"])
        assert found == (name, known["retained"], known["objects"])
        assert sum(row["bytes"] for row in answer["types"]) == answer["retained"]
        assert sum(row["count"] for row in answer["types"]) == answer["objects"]


def test_the_tree_has_the_same_sizes(owning: Owning) -> None:
    for known in known_of(owning).values():
        [row, *_] = document("dominators", owning.target.pid, known["address"], "--depth", "1")[
            "rows"
        ]
        assert (int(row["address"], 16), row["retained"]) == (known["address"], known["retained"])


def test_what_a_thousand_share_is_not_retained_by_one_of_them(owning: Owning) -> None:
    records = document("retained", owning.target.pid, owning.target.facts["records"]["address"])
    counts = {row["type"]: row["count"] for row in records["types"]}
    assert counts == {"__main__.Record": 1000, "builtins.list": 1001, "builtins.str": 1000}


# ---- the tree as a whole ----------------------------------------------------------------------


def test_children_and_the_object_itself_make_up_what_it_retains(owning: Owning) -> None:
    compared = 0
    for parent, children in parents(owning.rows):
        compared += bool(children)
        assert parent["bytes"] + sum(row["retained"] for row in children) == parent["retained"]
    assert compared > 500


def test_the_first_level_makes_up_the_whole_heap(owning: Owning) -> None:
    for rows in (owning.rows, owning.by_type):
        assert sum(row["retained"] for row in rows if row["depth"] == 0) == owning.total
    objects = sum(row["count"] for row in document("report", owning.target.pid)["types"])
    assert len({row["address"] for row in owning.rows}) == len(owning.rows) <= objects


def test_types_folded_together_make_up_what_holds_them(owning: Owning) -> None:
    compared = 0
    for parent, children in parents(owning.by_type):
        compared += bool(children)
        assert parent["bytes"] + sum(row["retained"] for row in children) == parent["retained"]
    assert compared > 60


def test_a_type_retains_at_least_itself_and_at_most_everything(owning: Owning) -> None:
    types: Dict[str, dict] = {
        row["type"]: row for row in document("report", owning.target.pid)["types"]
    }
    for row in types.values():
        assert row["bytes"] <= row["retained"] <= owning.total, row
    # A union: the records are inside the one list that is inside the keeper.
    records, keeper = types["__main__.Record"], types["__main__.Keeper"]
    each = [row["retained"] for row in owning.rows if row["type"] == "__main__.Record"]
    assert (len(each), sum(each)) == (1000, records["retained"])
    facts = owning.target.facts
    assert keeper["retained"] == sum(
        row["bytes"] for row in owning.rows if row["address"] == hex(facts["keeper"])
    ) + sum(facts[name]["retained"] for name in ("records", "both", "ring"))


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, arguments, message",
    [
        ("dominators", ["0x10"], "there is no object at 0x10"),
        ("dominators", ["list"], "list"),
        ("dominators", ["--depth", "deep"], "--depth"),
        ("dominators", ["--depth", "1001"], "--depth is 1000 at most"),
        ("dominators", ["--top", "-1"], "--top"),
        ("retained", ["0x10"], "there is no object at 0x10"),
        ("retained", ["list"], "list"),
        ("retained", [], "ADDRESS"),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    owning: Owning, command: str, arguments: List[str], message: str
) -> None:
    done = memexplorer(command, owning.target.pid, *arguments)
    assert done.returncode != 0 and done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_person_reads_the_size_and_the_share(owning: Owning) -> None:
    address = hex(owning.target.facts["records"]["address"])
    text = output("retained", owning.target.pid, address)
    assert f"builtins.list at {address} retains" in text
    assert "in 3,001 objects, itself included" in text
    assert "1,000  __main__.Record" in text
