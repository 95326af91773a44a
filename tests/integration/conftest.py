"""Tests that ask for `interpreter` run on every CPython found."""

from typing import Any, Dict

import pytest
from processes import Interpreter, found_interpreters, is_supported


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "one_of_a_kind: on one interpreter of each minor version and kind of build alone"
    )


def one_of_a_kind(interpreters: Dict[str, Any]) -> Dict[str, Any]:
    kinds: Dict[Any, Any] = {}
    for name, facts in interpreters.items():
        kind = (tuple(facts["version"][:2]), facts["free_threaded"])
        kinds.setdefault(kind, (name, facts))
    return dict(kinds.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for `interpreter` run once for every supported one."""
    if "interpreter" in metafunc.fixturenames:
        chosen = {
            name: facts for name, facts in found_interpreters().items() if is_supported(facts)
        }
        if metafunc.definition.get_closest_marker("one_of_a_kind"):
            chosen = one_of_a_kind(chosen)
        assert chosen, "no CPython from 3.8 to 3.15 was found"
        metafunc.parametrize(
            "interpreter", list(chosen.values()), ids=list(chosen), indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    facts = request.param
    return Interpreter(facts["binary"], tuple(facts["version"]), facts["free_threaded"])
