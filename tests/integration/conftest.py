"""Tests that ask for `interpreter` run on every CPython found, but where a marker says less."""

from typing import Callable, Dict, List

import pytest
from processes import Interpreter, interpreters, one_of_a_kind


def oldest_and_newest(found: Dict[str, Interpreter]) -> Dict[str, Interpreter]:
    in_order = sorted(found.items(), key=lambda item: (item[1].version, item[1].debug))
    locked = {name: each for name, each in in_order if not each.free_threaded}
    free = [item for item in in_order if item[1].free_threaded]
    return dict(list(locked.items())[:1] + list(one_of_a_kind(locked).items())[-1:] + free[-1:])


SELECTIONS: Dict[str, Callable[[Dict[str, Interpreter]], Dict[str, Interpreter]]] = {
    "one_of_a_kind": one_of_a_kind,
    "oldest_and_newest": oldest_and_newest,
}


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "one_of_a_kind: on one interpreter of each minor version and kind of build alone",
        "oldest_and_newest: on these and the newest free-threaded one: versions matter little",
    ):
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for `interpreter` run once for every supported one."""
    if "interpreter" in metafunc.fixturenames:
        chosen = interpreters()
        assert chosen, "no CPython from 3.8 to 3.15 was found"
        metafunc.parametrize(
            "interpreter", list(chosen.values()), ids=list(chosen), indirect=True, scope="session"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    """Leaves out what markers of a test, or of one of its parameters, leave out."""
    every = interpreters()
    chosen = {name: list(select(every).values()) for name, select in SELECTIONS.items()}
    kept, left_out = [], []
    for item in items:
        asked = getattr(item, "callspec", None) and item.callspec.params.get("interpreter")
        marked = [name for name in SELECTIONS if asked and item.get_closest_marker(name)]
        runs = all(asked in chosen[name] for name in marked)
        (kept if runs else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    return request.param
