"""Snapshots: every object of a process at one moment, to be asked in Python.

>>> snapshot = memexplorer.capture()
>>> len(snapshot.objects) > 10000
True
>>> snapshot.sql("SELECT count(*) AS n FROM types WHERE type = 'builtins.dict'")[0].n
1
>>> snapshot.close()
"""

import os
import tempfile
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from . import _html, _memexplorer
from .table import Table

__all__ = ["Answer", "Snapshot", "capture", "open"]

PathLike = Union[str, "os.PathLike[str]"]

_MODES = {"freeze": 0, "fork": 1, "no pause": 2}


class Answer(Dict[str, Any]):
    """What a command answers, with the keys of its --json: answer["bytes"], or answer.bytes.

    docs/json.md says what each means. Addresses are texts, "0x7f3a5c2d1e80", as there; int(a, 0)
    makes a number of one.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this answer has no {name!r}; it has {', '.join(self)}") from None

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *self]


def _answer(record: Any, kind: type = Answer) -> Any:
    """Dicts in it are Answers, too: without recursion, though records are not deep."""
    if isinstance(record, dict):
        return kind({key: _answer(value) for key, value in record.items()})
    if isinstance(record, list):
        return [_answer(item) for item in record]
    return record


class _Why(Answer):
    def __repr__(self) -> str:
        lines = [chain.text for chain in self.chains]
        if self.garbage and not lines:
            lines = ["nothing holds it: it is garbage, and waits for the cycle collector"]
        return "\n".join(lines or ["no way to it was found"])

    def _repr_html_(self) -> str:
        drawn = [chain for chain in self.chains if chain["steps"]][:5]
        if drawn:
            return "".join(map(_html.way, drawn))
        rows = [[f"{chain['count']:,}", chain["text"]] for chain in self.chains]
        return _html.table(["objects", "way"], rows)


class _Dominators(Answer):
    def __repr__(self) -> str:
        return "\n".join(
            f"{_html.size_text(row.retained):>10}  {'  ' * row.depth}{row.type} at {row.address}  "
            f"{_html.cut(row.preview, 60)}"
            for row in self.rows
        )

    def _repr_html_(self) -> str:
        return _html.treemap(self)


class _Rows(Answer):
    """Answers with one list that people look at first."""

    _list = ""
    _columns: Tuple[str, ...] = ()

    def _texts(self) -> List[List[str]]:
        rows = self[self._list]
        return [[_html.cell(name, row[name]) for name in self._columns] for row in rows]

    def __repr__(self) -> str:
        return "\n".join(_html.aligned(self._columns, self._texts()))

    def _repr_html_(self) -> str:
        return _html.table(self._columns, self._texts())


class _Retained(_Rows):
    _list, _columns = "types", ("type", "count", "bytes")


class _Show(_Rows):
    _list, _columns = "referrers", ("label", "ownership", "type", "address", "root", "preview")


class _Suspects(_Rows):
    _list, _columns = "suspects", ("text", "path", "retained")


class _Cycles(_Rows):
    _list, _columns = "groups", ("cycles", "objects", "bytes", "shape")


class _Free(_Rows):
    _list, _columns = "types", ("type", "fate", "count", "bytes")


class _Diff(_Rows):
    _list, _columns = "types", ("type", "born", "died")

    def _texts(self) -> List[List[str]]:
        return [[row.type, str(row.born.objects), str(row.died.objects)] for row in self.types]


class DominatorTable(Table):
    """The table `dominators`; called, it is the tree."""

    def __call__(
        self, address: Union[int, str, None] = None, *, depth: int = 3, top: int = 10
    ) -> Answer:
        """What holds what, as `memexplorer dominators` says: from the roots, or below an object.

        depth  levels of the tree
        top    on each, those that retain most
        """
        whole = address is None
        number = 0 if address is None else _number(address)
        record = _memexplorer.dominators(self._heap, whole, number, depth, top)
        answer: Answer = _answer(record, _Dominators)
        return answer


def _number(address: Union[int, str]) -> int:
    return int(address, 0) if isinstance(address, str) else address


class Snapshot:
    """The heap of a process at one moment. capture() and open() make one.

    Its tables (objects, references, types, roots, root_references, threads, frames, blocks,
    strings, findings, sparse, slots, dominators) are those of docs/sql.md; its questions have the
    names of the commands, and answer with the keys of their --json. The interpreter's lock is
    released while they work.

    It may be used from several threads, which wait for each other. Closing it is never necessary,
    and frees what it takes at once; it is a context manager that closes itself.
    """

    def __init__(self, path: PathLike) -> None:
        self._heap = _memexplorer.Heap(os.fspath(path))
        self.path: Optional[str] = os.fspath(path)  #: of its file; None when that has no name

    def close(self) -> None:
        """Free what it takes. Every question raises ValueError then."""
        self._heap.close()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._heap.closed

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<closed memexplorer.Snapshot>"
        facts = dict(self._table("summary"))
        return (
            f"<memexplorer.Snapshot of pid {facts['pid']}, CPython {facts['python']}: "
            f"{int(facts['objects']):,} objects>"
        )

    def _repr_html_(self) -> str:
        return self.dominators()._repr_html_() if not self.closed else repr(self)

    # ---- tables ----

    def _table(self, name: str) -> Table:
        return Table(_memexplorer.TableData(self._heap, name), name, self._heap)

    @property
    def objects(self) -> Table:
        """Every object: address, type, size, reference count, retained bytes, ..."""
        return self._table("objects")

    @property
    def references(self) -> Table:
        """Every reference between objects, with its name."""
        return self._table("references")

    @property
    def types(self) -> Table:
        """Every type, with what its instances take."""
        return self._table("types")

    @property
    def roots(self) -> Table:
        """Why objects are held from outside the objects."""
        return self._table("roots")

    @property
    def root_references(self) -> Table:
        """Every reference from a root to an object."""
        return self._table("root_references")

    @property
    def threads(self) -> Table:
        """Every thread that Python knows."""
        return self._table("threads")

    @property
    def frames(self) -> Table:
        """Every function that a thread is in, the innermost first."""
        return self._table("frames")

    @property
    def blocks(self) -> Table:
        """Memory that objects own outside themselves, or that native code has allocated."""
        return self._table("blocks")

    @property
    def findings(self) -> Table:
        """Lost references, and who holds those that no object does: what `audit` finds."""
        return self._table("findings")

    @property
    def sparse(self) -> Table:
        """Dicts, lists and sets that are empty, or nearly."""
        return self._table("sparse")

    @property
    def slots(self) -> Table:
        """Classes that would gain from __slots__."""
        return self._table("slots")

    @property
    def strings(self) -> Table:
        """Every str and bytes, with its value."""
        return self._table("strings")

    @property
    def dominators(self) -> DominatorTable:
        """The tree of what holds what, as a table; dominators(...) shows the top of it."""
        data = _memexplorer.TableData(self._heap, "dominators")
        return DominatorTable(data, "dominators", self._heap)

    def sql(self, query: str, *, timeout: float = 0) -> Table:
        """The rows of a query in SQLite's SQL; docs/sql.md has the tables and views.

        timeout  seconds after which to give up with TimeoutError; 0: never
        """
        return Table(_memexplorer.TableData(self._heap, None, query, timeout), "", self._heap)

    # ---- questions ----

    def why(self, what: Union[int, str], *, paths: int = 5) -> Answer:
        """Why the object at an address, or those of a type, are alive: `memexplorer why`.

        what   an address, as id() gives it or as answers have it; or the name of a type
        paths  of one object: so many ways in all
        """
        is_type = isinstance(what, str) and not what[:1].isdigit()
        address = 0 if is_type else _number(what)
        name = str(what) if is_type else None
        answer: Answer = _answer(_memexplorer.why(self._heap, address, name, paths), _Why)
        return answer

    def show(self, address: Union[int, str]) -> Answer:
        """One object: what it is, what it refers to, what refers to it: `memexplorer show`."""
        answer: Answer = _answer(_memexplorer.show(self._heap, _number(address)), _Show)
        return answer

    def retained(self, address: Union[int, str]) -> Answer:
        """What would be freed with an object, by type: `memexplorer retained`."""
        answer: Answer = _answer(_memexplorer.retained(self._heap, _number(address)), _Retained)
        return answer

    def free(self, address: Union[int, str], reference: Optional[str] = None) -> Answer:
        """What would go if a reference of the object, ".attr", went: `memexplorer free`.

        Without a name: if every reference to the object went.
        """
        record = _memexplorer.free(self._heap, _number(address), reference)
        answer: Answer = _answer(record, _Free)
        return answer

    def garbage(self) -> Answer:
        """What gc.collect() would have found unreachable: `memexplorer garbage`."""
        answer: Answer = _answer(_memexplorer.cycles(self._heap, True), _Cycles)
        return answer

    def cycles(self) -> Answer:
        """Cycles that were still held: `memexplorer cycles`."""
        answer: Answer = _answer(_memexplorer.cycles(self._heap, False), _Cycles)
        return answer

    def suspects(self) -> Answer:
        """What may be leaking, who holds it, and what wastes memory: `memexplorer suspects`."""
        answer: Answer = _answer(_memexplorer.suspects(self._heap), _Suspects)
        return answer

    def diff(self, *others: "Snapshot", type: Optional[str] = None, top: int = 20) -> Answer:
        """What changed from this snapshot to later ones of the same process: `memexplorer diff`.

        type  rows of this type alone, "app.Session"
        top   rows of each kind; 0 for all
        """
        heaps = tuple(snapshot._heap for snapshot in (self, *others))
        answer: Answer = _answer(_memexplorer.diff(heaps, type, top), _Diff)
        return answer


def open(path: PathLike) -> Snapshot:
    """The snapshot in a file that capture, or `memexplorer capture`, has written."""
    return Snapshot(path)


def capture(
    pid: Optional[int] = None,
    path: Optional[PathLike] = None,
    *,
    mode: str = "freeze",
    redact: bool = False,
    compress: bool = False,
    plain: bool = False,
    timeout: float = 0,
) -> Snapshot:
    """A snapshot of this process or, by its PID, of another one.

    Of this process no debugger's rights are needed: it forks, and the child explores the memory
    that it has then. The interpreter's lock is held for the fork alone.

    path      the file to write, readable by its owner alone; without one it has no name, and goes
              when the snapshot does
    mode      of another process: "freeze", "fork", "no pause", as `memexplorer capture` has them
    redact    leave values out
    compress  write a smaller file, which takes longer to open
    plain     write the columns size, extra, possible, retained and refcount as they are: tables
              share them with Arrow's readers then, and they take 8 bytes an object each
    timeout   of this process: seconds after which to give up with TimeoutError; 0: ten minutes
    """
    if mode not in _MODES:
        raise ValueError(f"mode is one of {', '.join(map(repr, _MODES))}, not {mode!r}")
    options = (redact, compress, plain)
    if path is not None:
        file = os.fspath(path)
        _capture(pid, file, mode, options, timeout)
        return Snapshot(file)
    return _nameless(lambda file: _capture(pid, file, mode, options, timeout))


def capture_asked(address: int, asked: Callable[..., Any]) -> Snapshot:
    """A snapshot of this process, for a question about the object at address that is the argument
    of a call of `asked`: without the reference that the call has to it."""
    return _nameless(
        lambda file: _memexplorer.capture_self(file, False, False, False, 0, address, id(asked))
    )


def _nameless(write: Callable[[str], None]) -> Snapshot:
    """A snapshot whose file has no name any more: it goes when the snapshot does."""
    with tempfile.TemporaryDirectory(prefix="memexplorer-") as folder:
        file = os.path.join(folder, "snapshot.mxs")
        write(file)
        snapshot = Snapshot(file)
    snapshot.path = None
    return snapshot


def _capture(
    pid: Optional[int], path: str, mode: str, options: Tuple[bool, bool, bool], timeout: float
) -> None:
    if pid is None or pid == os.getpid():
        _memexplorer.capture_self(path, *options, timeout)
    else:
        _memexplorer.capture_process(pid, path, *options, _MODES[mode])
