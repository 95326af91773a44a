"""--memexplorer-report: a snapshot and an HTML page of each failing test, in one folder."""

import hashlib
import os
import platform
import re
from pathlib import Path
from types import FrameType
from typing import Any, Iterator, List, NamedTuple, Optional

import pytest

from .._files import whole_file
from .._html import size_text
from ..snapshot import Snapshot, capture
from .explain import facts, ways
from .page import Local, Page, Suspect, TypeRow

__all__ = ["Reports", "file_stem"]

MOST_NAME = (
    120  # characters of a file's name that come from the test's: file systems take 255 bytes
)
MOST_FRAMES = 5  # of the traceback, the innermost
MOST_LOCALS = 50  # of a frame
MOST_TYPES = 30
NOT_OF_THE_TEST = ("_pytest", "pluggy", "pytest", "unittest", "memexplorer")  # packages
IN_TRACEBACK = ".tb_frame"


def file_stem(nodeid: str, when: str) -> str:
    """A name for files of this test, and of no other: letters that every file system takes."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", nodeid).strip("._-")[-MOST_NAME:].lstrip("._-")
    digest = hashlib.sha1(nodeid.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{readable}-{digest}" + ("" if when == "call" else f"-{when}")


class _Variable(NamedTuple):
    frame: str
    name: str
    address: int


class Reports:
    """A plugin of pytest's. Workers of xdist write each their own tests' files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)  # sees what the others have made of it
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Iterator[None]:
        outcome: Any = yield
        report = outcome.get_result()
        if report.outcome == "failed":
            try:
                kept = self._keep(item, call, report)
            except Exception as error:
                kept = f"nothing was kept: {error}"
            report.sections.append(("memexplorer", kept))

    def _keep(self, item: pytest.Item, call: Any, report: pytest.TestReport) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = file_stem(item.nodeid, report.when)
        page = self.folder / f"{stem}.html"
        file = self.folder / f"{stem}.mxs"
        try:
            snapshot = capture(path=file)
        except Exception as error:
            _write(page, _page(item, report, None, [], str(error)))
            return f"kept {page}, and no snapshot: {error}"
        with snapshot:
            # Looking at local variables makes a dict of them: after the snapshot.
            variables = list(_variables(call.excinfo))
            _write(page, _page(item, report, snapshot, variables, "", file.name))
        return f"kept {page} and {file}"


def _write(path: Path, page: Page) -> None:
    with whole_file(path) as out:
        out.write(page.html())


def _variables(excinfo: Any) -> Iterator[_Variable]:
    """Of the functions that the failure went through, the test's and those that it called."""
    if excinfo is None:
        return
    frames: List[FrameType] = []
    traceback = excinfo.tb
    lines = []
    while traceback is not None:
        package = traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in NOT_OF_THE_TEST:
            frames.append(traceback.tb_frame)
            lines.append(traceback.tb_lineno)
        traceback = traceback.tb_next
    for frame, line in list(zip(frames, lines))[-MOST_FRAMES:]:
        code = frame.f_code
        where = f"{code.co_name} at {os.path.basename(code.co_filename)}:{line}"
        for name, value in list(frame.f_locals.items())[:MOST_LOCALS]:
            if not name.startswith(("@", "__")):  # "@py_assert1" is of assertion rewriting
                yield _Variable(where, name, id(value))


def _page(
    item: pytest.Item,
    report: pytest.TestReport,
    snapshot: Optional[Snapshot],
    variables: List[_Variable],
    problem: str,
    file: str = "",
) -> Page:
    facts_of_it = [("Python", f"{platform.python_version()}, process {os.getpid()}")]
    types: List[TypeRow] = []
    suspects: List[Suspect] = []
    if snapshot is not None:
        columns = ("type", "objects", "bytes", "retained")
        types = [TypeRow(*row) for row in snapshot.types.select(*columns)]
        objects, nbytes = sum(one.count for one in types), sum(one.bytes for one in types)
        facts_of_it.append(("Memory", f"{objects:,} objects, {size_text(nbytes)}"))
        types.sort(key=lambda one: -one.bytes)
        suspects = [Suspect(one.text, one.path) for one in snapshot.suspects().suspects]
    return Page(
        item.nodeid,
        report.when,
        report.longreprtext,
        facts_of_it,
        _locals(snapshot, variables) if snapshot is not None else [],
        suspects,
        types[:MOST_TYPES],
        file,
        problem,
    )


def _locals(snapshot: Snapshot, variables: List[_Variable]) -> List[Local]:
    found: List[Local] = []
    known = facts(snapshot, [one.address for one in variables]) if variables else {}
    for one in variables:
        value = known.get(one.address)
        if value is not None:
            # By way of the failure's own traceback everything here is held: that says nothing.
            held = [way for way in ways(snapshot, one.address) if IN_TRACEBACK not in way]
            found.append(
                Local(one.frame, one.name, value.type, value.preview, value.retained, held)
            )
    return found
