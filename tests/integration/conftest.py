"""Tests that ask for `interpreter` run on every CPython found."""

import pytest
from processes import Interpreter, found_interpreters, is_supported


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for `interpreter` run once for every supported one."""
    if "interpreter" in metafunc.fixturenames:
        chosen = {
            name: facts for name, facts in found_interpreters().items() if is_supported(facts)
        }
        assert chosen, "no CPython from 3.8 to 3.15 was found"
        metafunc.parametrize(
            "interpreter", list(chosen.values()), ids=list(chosen), indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    facts = request.param
    return Interpreter(facts["binary"], tuple(facts["version"]), facts["free_threaded"])
