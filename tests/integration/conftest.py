"""Tests that ask for `interpreter` run on every CPython found, but where a marker says less."""

from typing import Any, Callable, Dict, List

import pytest
from processes import Interpreter, found_interpreters, is_supported


def one_of_a_kind(interpreters: List[dict]) -> List[dict]:
    kinds: Dict[Any, dict] = {}
    for facts in interpreters:
        kinds.setdefault((tuple(facts["version"][:2]), facts["free_threaded"]), facts)
    return list(kinds.values())


def oldest_and_newest(interpreters: List[dict]) -> List[dict]:
    chosen = []
    for free_threaded in (False, True):
        kinds = [facts for facts in interpreters if facts["free_threaded"] == free_threaded]
        kinds.sort(key=lambda facts: (facts["version"], facts["debug"]))
        chosen += kinds[-1:] if free_threaded else kinds[:1] + one_of_a_kind(kinds)[-1:]
    return chosen


SELECTIONS: Dict[str, Callable[[List[dict]], List[dict]]] = {
    "one_of_a_kind": one_of_a_kind,
    "oldest_and_newest": oldest_and_newest,
}


def supported() -> Dict[str, dict]:
    return {name: facts for name, facts in found_interpreters().items() if is_supported(facts)}


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "one_of_a_kind: on one interpreter of each minor version and kind of build alone",
        "oldest_and_newest: on these and the newest free-threaded one: versions matter little",
    ):
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for `interpreter` run once for every supported one."""
    if "interpreter" in metafunc.fixturenames:
        chosen = supported()
        assert chosen, "no CPython from 3.8 to 3.15 was found"
        metafunc.parametrize(
            "interpreter", list(chosen.values()), ids=list(chosen), indirect=True, scope="session"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    """Leaves out what markers of a test, or of one of its parameters, leave out."""
    every = list(supported().values())
    chosen = {
        name: [facts["binary"] for facts in select(every)] for name, select in SELECTIONS.items()
    }
    kept, left_out = [], []
    for item in items:
        asked = getattr(item, "callspec", None) and item.callspec.params.get("interpreter")
        marked = [name for name in SELECTIONS if asked and item.get_closest_marker(name)]
        runs = all(asked["binary"] in chosen[name] for name in marked)
        (kept if runs else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    facts = request.param
    return Interpreter(
        facts["binary"], tuple(facts["version"]), facts["free_threaded"], facts["musl"]
    )
