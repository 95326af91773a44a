"""`diff` against a program that says what it created, freed, replaced and moved (changing.py).

Three moments, taken once an interpreter: two versions, since what is compared stands in snapshots
alone. The second one is a core file as well, where there is gcore.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import pytest
from processes import (
    TARGETS,
    document,
    found_interpreters,
    is_supported,
    memexplorer,
    output,
    running,
)

VERSIONS = [(3, 11), (3, 14)]


class Moments(NamedTuple):
    files: List[Path]
    core: Optional[Path]
    facts: List[Dict[str, Any]]  # what the program said of each

    def diff(self, *numbers: int, options: tuple = ("--top", 0)) -> Any:
        return document("diff", *(self.files[number] for number in numbers), *options)


def chosen() -> Dict[str, str]:
    """One plain build of each version."""
    found: Dict[tuple, tuple] = {}
    for name, facts in found_interpreters().items():
        version = tuple(facts["version"][:2])
        if is_supported(facts) and not facts["debug"] and not facts["free_threaded"]:
            found.setdefault(version, (name, facts["binary"]))
    wanted = [version for version in VERSIONS if version in found] or list(found)[:1]
    return dict(found[version] for version in wanted)


def capture(pid: int, path: Path) -> Path:
    output("capture", pid, "-o", path)
    return path


def write_core(pid: int, stem: Path) -> Optional[Path]:
    if not shutil.which("gcore"):
        return None
    command = ["gcore", "-o", str(stem), str(pid)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return Path(f"{stem}.{pid}")


@pytest.fixture(scope="module", params=chosen().values(), ids=chosen())
def moments(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Moments]:
    folder = tmp_path_factory.mktemp("moments")
    with running(request.param, TARGETS / "changing.py") as target:
        facts, files, core = [target.facts], [capture(target.pid, folder / "0")], None
        for number in (1, 2):
            facts.append(json.loads(target.say()))
            files.append(capture(target.pid, folder / str(number)))
            core = core or write_core(target.pid, folder / "core")
        yield Moments(files, core, facts)
    shutil.rmtree(folder)


def addresses(rows: List[dict]) -> set:
    return {int(row["address"], 0) for row in rows}


def only(rows: List[dict], **wanted: Any) -> dict:
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, [list(row.values())[:6] for row in rows[:20]])
    return found[0]


def test_what_was_created_is_born(moments: Moments) -> None:
    said = moments.diff(0, 1, options=("--top", 0, "--type", "__main__.Session"))
    born = addresses(said["objects"]["born"])
    reused = set(moments.facts[1]["cached"]) & set(moments.facts[0]["dying"])
    assert born | reused == set(moments.facts[1]["cached"])
    assert only(said["types"], type="__main__.Session")["born"]["objects"] == len(born)


def test_what_was_freed_has_died_and_nothing_else(moments: Moments) -> None:
    said = moments.diff(0, 1, options=("--top", 0, "--type", "__main__.Session"))
    died = addresses(said["objects"]["died"])
    reused = set(moments.facts[1]["cached"]) & set(moments.facts[0]["dying"])
    assert died | reused == set(moments.facts[0]["dying"])
    assert not died & set(moments.facts[0]["kept"])
    row = only(said["types"], type="__main__.Session")
    assert row["all"][1]["objects"] - row["all"][0]["objects"] == 400 - 30


def test_another_object_of_its_type_and_size_at_its_address_is_told_apart(moments: Moments) -> None:
    fact = moments.facts[1]
    assert fact["was_reused"], "the allocator gave the address to nobody else"
    said = moments.diff(0, 1, options=("--top", 0, "--type", "builtins.bytes"))
    assert fact["replaced"] in addresses(said["objects"]["born"])
    assert fact["replaced"] in addresses(said["objects"]["died"])
    assert said["reused"] >= 1


def test_growth_is_told_at_the_container_it_comes_from(moments: Moments) -> None:
    grown = {row["where"]: row for row in moments.diff(0, 1)["objects"]["grew"]}
    for name, type_ in (("CACHE", "dict"), ("LOG", "list")):
        row = grown[f"__main__.{name}"]
        assert row["type"] == f"builtins.{type_}"
        assert row["bytes_after"] > row["bytes_before"]
        assert row["retained_after"] - row["retained_before"] > 400 * 50
    assert "__main__" not in grown


def test_a_list_that_was_emptied_has_shrunk(moments: Moments) -> None:
    row = only(moments.diff(0, 1)["objects"]["shrank"], where="__main__.SHRINKING")
    assert row["bytes_after"] < row["bytes_before"] - 15000


def test_an_object_that_was_given_to_another_has_moved(moments: Moments) -> None:
    row = only(moments.diff(0, 1)["objects"]["moved"], type="__main__.Session")
    assert int(row["address"], 0) == moments.facts[0]["thing"]
    assert row["where_before"] == "__main__.SHELF.thing"
    assert row["where"] == "__main__.OTHER.thing"


def test_places_are_named_with_what_came_and_went_there(moments: Moments) -> None:
    said = moments.diff(0, 1)
    places = {row["place"].split("[")[0]: row for row in said["places"]}
    assert places["__main__.LOG"]["born"]["objects"] in (500, 501)
    assert places["__main__.CACHE"]["born"]["objects"] >= 2 * 400
    assert places["__main__.DYING"]["died"]["objects"] >= 30
    assert "__main__.KEPT" not in places


def test_of_three_what_stays_is_told_from_traffic_and_from_what_is_recent(moments: Moments) -> None:
    said = moments.diff(0, 1, 2, options=("--top", 0, "--type", "__main__.Session"))
    rows = {int(row["address"], 0): row for row in said["objects"]["born"]}
    second, third = set(moments.facts[1]["cached"]), set(moments.facts[2]["cached"])
    freed = set(moments.facts[0]["dying"])
    assert set(rows) | freed >= second
    assert not set(rows) & (third - second)
    assert {row["since"] for row in rows.values()} == {1}
    whole = moments.diff(0, 1, 2)
    assert whole["traffic"]["objects"] >= 2 * 300
    assert whole["recent"]["objects"] >= 2 * 200 - len(freed)
    requests = [row for row in whole["types"] if row["type"] == "__main__.Request"]
    assert [row["born"]["objects"] for row in requests] == [0]
    assert [[sum["objects"] for sum in row["all"]] for row in requests] == [[0, 300, 0]]


def test_what_grew_every_time_stands_first(moments: Moments) -> None:
    said = moments.diff(0, 1, 2)
    every = [row["place"].split("[")[0] for row in said["places"] if row["every_time"]]
    assert every[:2] == ["__main__.CACHE", "__main__.LOG"]
    assert [row["every_time"] for row in said["places"][:2]] == [True, True]
    grown = [row["where"] for row in said["objects"]["grew"] if row["every_time"]]
    assert grown[:2] == ["__main__.CACHE", "__main__.LOG"]


def test_nothing_has_changed_between_one_moment_and_itself(moments: Moments) -> None:
    check_nothing(moments.diff(1, 1))


def test_a_core_and_a_snapshot_of_one_moment_are_the_same(moments: Moments) -> None:
    if not moments.core:
        pytest.skip("gdb is not installed")
    check_nothing(document("diff", moments.files[1], moments.core))
    check_nothing(document("diff", moments.core, moments.files[1]))


def check_nothing(said: Any) -> None:
    for change in ("born", "died", "grew", "shrank", "moved"):
        assert said[change] == {"objects": 0, "bytes": 0}
        assert said["objects"][change] == []
    assert (said["types"], said["places"], said["reused"]) == ([], [], 0)


def test_two_processes_are_not_compared(moments: Moments) -> None:
    with running(*other_command(moments)) as other:
        answer = memexplorer("diff", moments.files[0], other.pid)
    assert answer.returncode == 2
    assert "two processes" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def other_command(moments: Moments) -> list:
    target = document("report", moments.files[0])["target"]
    return [target["executable"], TARGETS / "changing.py"]


def test_one_target_is_not_enough(moments: Moments) -> None:
    answer = memexplorer("diff", moments.files[0])
    assert answer.returncode == 2
    assert "second" in answer.stderr


def test_people_get_tables(moments: Moments) -> None:
    text = memexplorer("diff", *moments.files, "--top", 3).stdout
    for word in ("born", "traffic", "WHERE", "TYPE", "GREW", "__main__.CACHE", "grew every time"):
        assert word in text
