"""The pytest plugin: fixtures and markers about memory, and reports of failing tests.

    def test_session(assert_freed_at_once):
        assert_freed_at_once(lambda: Session("ann"))

    @pytest.mark.no_cycles
    @pytest.mark.no_new(types=Session)
    def test_login(app): ...

This file is imported by every pytest run in an environment with memexplorer: it imports nothing
that pytest has not imported, and what a test asks for is in memexplorer.testing. docs/pytest.md has
examples.
"""

from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional

import pytest

if TYPE_CHECKING:
    from .testing.protocol import Plan

MARKERS = (
    "no_new(types=Type): the test leaves no more instances than there were before it",
    "no_cycles(types=()): the test leaves nothing, or nothing of these types, to the collector",
    "no_leaks(runs=4, warmups=3, clear=None): run again and again, the test leaves nothing more",
    'max_retained("10 MB"): the test leaves no more memory in use than that',
)
OURS = frozenset(text.partition("(")[0] for text in MARKERS)
FIXTURES = frozenset(("no_cycles", "no_leaks"))  # that ask for something by being there

_running: Optional["Plan"] = None  # of the test that runs now; a test may run pytest, too


# ---- the assertions -----------------------------------------------------------------------------


@pytest.fixture
def assert_freed_at_once() -> Callable[[Callable[[], object]], None]:
    """Asserts that reference counting alone frees what a function returns."""
    from .testing import assert_freed_at_once

    return assert_freed_at_once


@pytest.fixture
def no_new() -> Any:
    """`with no_new(Session): ...` leaves no more instances than there were before."""
    from .testing import no_new

    return no_new


@pytest.fixture
def no_cycles() -> Any:
    """The test makes no garbage that needs the cycle collector. Its value is for parts of a test:
    `with no_cycles(): ...`."""
    from .testing import no_cycles

    return no_cycles


@pytest.fixture
def no_leaks() -> None:
    """The test runs again and again, and leaves nothing more each time."""


@pytest.fixture
def max_retained() -> Any:
    """`with max_retained("10 MB"): ...` holds no more memory at its end than that."""
    from .testing import max_retained

    return max_retained


# ---- hooks --------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("memexplorer").addoption(
        "--memexplorer-report",
        metavar="DIR",
        help="keep a snapshot of memory and an HTML report of each failing test in this folder",
    )


def pytest_configure(config: pytest.Config) -> None:
    for text in MARKERS:
        config.addinivalue_line("markers", text)
    folder = config.getoption("memexplorer_report")
    if folder:
        from .testing.report import Reports

        config.pluginmanager.register(Reports(config.invocation_params.dir / folder))


def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> None:
    # pytest.mark.no_new(Session) is how a class is marked: it marks Session, and the test is then
    # gone, called by Session(test).
    for mark in type(obj).__dict__.get("pytestmark", ()):
        if getattr(mark, "name", None) in OURS:
            kind = type(obj).__name__
            raise collector.CollectError(
                f"{name}: pytest.mark.{mark.name}({kind}) marks the class {kind} itself, as pytest"
                f" takes it: write pytest.mark.{mark.name}(types={kind})"
            )


def _asks(item: pytest.Item) -> bool:
    if not FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return True
    return any(marker.name in OURS for marker in item.iter_markers())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: Optional[pytest.Item]) -> Optional[bool]:
    global _running
    if not _asks(item) or item.config.getoption("setuponly", False):
        return None
    from .testing.protocol import Plan, run

    outer, _running = _running, Plan(item)
    try:
        run(item, nextitem, _running)
    finally:
        _running = outer
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> None:
    if _running is not None and fixturedef.scope == "function" and request.node is _running.item:
        _running.begin()


@pytest.hookimpl(hookwrapper=True, trylast=True)  # nothing but the test inside
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if _running is None or _running.item is not item:
        yield
        return
    with _running.call(item):
        yield
