"""Runs a test that has markers of ours: once, or again and again with fresh fixtures of its own.

Between two runs the test's own fixtures (those of function scope) are torn down and set up again;
those of classes, modules, packages and the session stay, as they do between two tests. Knows pytest
and what it keeps of each run; what is counted is others' business.
"""

import copy
import gc
import sys
import warnings
from contextlib import contextmanager, nullcontext
from types import CodeType
from typing import Any, Callable, Iterator, List, Optional, Tuple

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.outcomes import Exit
from _pytest.runner import runtestprotocol

from .census import no_new
from .check import Check
from .cycles import no_cycles
from .leaks import RUNS, WARM_UPS, examine
from .retained import max_retained

__all__ = ["Plan", "run"]

LAST_ERROR = ("last_type", "last_value", "last_traceback", "last_exc")
LEAST_RUNS = 3  # in two of two a cache may fill
MOST_WRAPPERS = 100  # decorators of a test; __wrapped__ may lead in a circle


class Plan:
    """What the markers and fixtures of a test ask for."""

    def __init__(self, item: pytest.Item) -> None:
        self.item = item
        fixtures = getattr(item, "fixturenames", ())
        self.leaks: Optional[Tuple[int, int, Optional[Callable[[], Any]]]] = None
        self.cycles: Optional[no_cycles] = None
        self.around: List[Check] = []  # begin before its own fixtures come, end when they have gone
        leaks = item.get_closest_marker("no_leaks")
        if leaks is not None or "no_leaks" in fixtures:
            self.leaks = _leak_options(**(leaks.kwargs if leaks else {}))
        cycles = list(item.iter_markers("no_cycles"))
        if cycles or "no_cycles" in fixtures:
            plain = "no_cycles" in fixtures or not all(map(_types, cycles))
            self.cycles = no_cycles(*(() if plain else _all_types(cycles)))
        new = list(item.iter_markers("no_new"))
        if new:
            self.around.append(no_new(*_all_types(new)))
        for marker in item.iter_markers("max_retained"):
            self.around.append(max_retained(*marker.args, **marker.kwargs))
        self.began = False
        self.problem = ""  # that the call phase found

    def begin(self) -> None:
        """The first of the test's own fixtures is about to be made, or the test to be called."""
        if not self.began:
            self.began = True
            for check in self.around:
                check.begin()

    @contextmanager
    def call(self, item: pytest.Item) -> Iterator[None]:
        """The test itself runs inside."""
        self.begin()
        if self.cycles is None:
            yield
            return
        self.cycles.own = _code_of(item)
        self.cycles.begin()
        try:
            yield
            self.problem = self.cycles.end()
        finally:
            self.cycles.close()


def _code_of(item: pytest.Item) -> List[CodeType]:
    """Of the test's function and what it is wrapped in."""
    found: List[CodeType] = []
    function = getattr(item, "function", None)
    while function is not None and len(found) < MOST_WRAPPERS:
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType):
            found.append(code)
        function = getattr(function, "__wrapped__", None)
    return found


def _leak_options(
    runs: int = RUNS, warmups: int = WARM_UPS, clear: Optional[Callable[[], Any]] = None
) -> Tuple[int, int, Optional[Callable[[], Any]]]:
    if runs < LEAST_RUNS or warmups < 0:
        raise pytest.UsageError(
            f"no_leaks: runs={runs}, warmups={warmups}: {LEAST_RUNS} and 0 are the least"
        )
    return warmups, runs, clear


def _types(marker: pytest.Mark) -> Tuple[type, ...]:
    """Of no_new(types=Session), no_new(types=(Session, Request)), no_new(Session, Request)."""
    extra = set(marker.kwargs) - {"types"}
    if extra:
        raise pytest.UsageError(f"{marker.name} takes types=, not {', '.join(sorted(extra))}=")
    named = marker.kwargs.get("types", ())
    return (*marker.args, *(named if isinstance(named, tuple) else (named,)))


def _all_types(markers: List[pytest.Mark]) -> Tuple[type, ...]:
    return tuple(dict.fromkeys(one for marker in markers for one in _types(marker)))


# ---- runs ---------------------------------------------------------------------------------------


def run(item: pytest.Item, nextitem: Optional[pytest.Item], plan: Plan) -> None:
    """The protocol of one test, in the place of pytest's."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for name in LAST_ERROR:  # of a test that failed before: it holds what that test had
        if hasattr(sys, name):
            delattr(sys, name)
    kept = _Kept(item)
    reports: List[pytest.TestReport] = []  # of a run that did not pass
    problem = ""
    if plan.leaks is not None:
        warmups, runs, clear = plan.leaks

        def again() -> bool:
            with _muted(item.config.hook) as unsaid:
                found = _run_once(item, plan, kept, around=False)
            passed = all(report.passed for report in found)
            if not passed:
                reports.extend([*unsaid, *found])
            del unsaid[:]
            kept.restore()
            return passed

        problem = examine(again, warmups, runs, clear)
    if not reports:
        reports = _run_once(item, plan, kept)
        if all(report.passed for report in reports):
            problems = [plan.problem, *(check.end() for check in plan.around), problem]
            problem = "\n".join(filter(None, problems))
            if problem:
                _fail(item, reports, problem)
        for check in plan.around:
            check.close()
    _tear_down(item, nextitem, reports)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _run_once(
    item: pytest.Item, plan: Plan, kept: "_Kept", around: bool = True
) -> List[pytest.TestReport]:
    """Its reports. Nothing else is left of the run afterwards, if the test leaves nothing. Without
    `around`, what begins before the test's fixtures does not."""
    plan.began, plan.problem = not around, ""
    with warnings.catch_warnings(record=True) as caught:
        # As if the next test stood beside this one: what they would share stays up.
        reports: List[pytest.TestReport] = runtestprotocol(
            item, log=False, nextitem=copy.copy(item)
        )
    if not kept.warned:
        kept.warned = True
        for one in caught or ():
            warnings.showwarning(one.message, one.category, one.filename, one.lineno, one.file)
    _forget_instance(item)
    kept.forget_finalizers()
    return reports


class _Mute:
    """Stands in for a hook: keeps the reports instead of telling them."""

    def __init__(self, caller: Any) -> None:
        self.caller = caller
        self.unsaid: List[Any] = []

    def __call__(self, *, report: Any) -> None:
        self.unsaid.append(report)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.caller, name)


@contextmanager
def _muted(hook: Any) -> Iterator[List[Any]]:
    """Subtests say what became of them while a test runs: once for all runs is enough."""
    mute = _Mute(hook.pytest_runtest_logreport)
    hook.pytest_runtest_logreport = mute
    try:
        yield mute.unsaid
    finally:
        hook.pytest_runtest_logreport = mute.caller


def _forget_instance(item: pytest.Item) -> None:
    """The object of the test's class, which a method keeps attributes in: each run has a new
    one."""
    cls = getattr(item, "cls", None)
    if cls is None or not isinstance(getattr(item.__dict__.get("_obj"), "__self__", None), cls):
        return
    item.__dict__.pop("_instance", None)
    item.__dict__["_obj"] = None


class _Kept:
    """What pytest would keep of every run of a test; regularly there is but one."""

    def __init__(self, item: pytest.Item) -> None:
        self.warned = False
        lists: List[Any] = [item.user_properties, item.own_markers]
        lists.append(getattr(item, "_report_sections", []))
        self._lists: List[Tuple[List[Any], int]] = [(one, len(one)) for one in lists]

    def restore(self) -> None:
        for one, length in self._lists:
            del one[length:]

    @staticmethod
    def forget_finalizers() -> None:
        """A fixture of a wider scope is told to finish those that use it first: once for each use
        (FixtureDef.execute). Those of the test's own scope have finished."""
        for one in gc.get_objects():
            if type(one) is FixtureDef and one._finalizers:  # of all objects: quickly
                left = [call for call in one._finalizers if not _is_of_a_test(call)]
                one._finalizers[:] = left


def _is_of_a_test(call: Any) -> bool:
    bound = getattr(getattr(call, "func", call), "__self__", None)
    return getattr(bound, "scope", None) == "function"


def _fail(item: pytest.Item, reports: List[pytest.TestReport], problem: str) -> None:
    """The call has failed: in the eyes of every plugin, those for expected failures too."""
    place = next(at for at, report in enumerate(reports) if report.when == "call")
    call = pytest.CallInfo.from_call(lambda: pytest.fail(problem, pytrace=False), "call")
    values, item.funcargs = item.funcargs, {}  # type: ignore[attr-defined]
    try:
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    finally:
        item.funcargs = values  # type: ignore[attr-defined]
    for name in ("duration", "start", "stop"):
        if hasattr(reports[place], name):
            setattr(report, name, getattr(reports[place], name))
    reports[place] = report


def _tear_down(
    item: pytest.Item, nextitem: Optional[pytest.Item], reports: List[pytest.TestReport]
) -> None:
    """The fixtures of wider scopes that the next test does not use."""
    session = item.session
    if session.shouldfail or session.shouldstop:
        nextitem = None
    capture = item.config.pluginmanager.getplugin("capturemanager")
    capturing = capture.item_capture("teardown", item) if capture else nullcontext()

    def tear_down() -> None:
        with capturing:
            session._setupstate.teardown_exact(nextitem)

    reraise = (Exit,) if item.config.getoption("usepdb", False) else (Exit, KeyboardInterrupt)
    call = pytest.CallInfo.from_call(tear_down, "teardown", reraise=reraise)
    if call.excinfo:
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        if reports[-1].passed:
            reports.pop()
        reports.append(report)
