"""Tables of a snapshot: columns for readers of Arrow, rows for people.

>>> table = snapshot.types.select("type", "objects", "bytes")
>>> table.columns
('type', 'objects', 'bytes')
>>> row = table[0]
>>> row.objects > 0
True
"""

from collections import namedtuple
from functools import lru_cache
from typing import Any, Iterator, List, Optional, Tuple, Union

from . import _html, _memexplorer

__all__ = ["Table"]

SHOWN_ROWS = 20  # of a table that is printed
READ_ROWS = 4096  # at a time, when rows are gone through


@lru_cache(maxsize=100)
def _row(columns: Tuple[str, ...]) -> Any:
    return namedtuple("Row", columns, rename=True)  # type: ignore[misc]


class Table:
    """Rows in named columns.

    It is an Arrow stream, as `__arrow_c_stream__` says: `polars.DataFrame(table)`,
    `pyarrow.table(table)`, `duckdb.sql("from table")`, `pandas.DataFrame.from_arrow(table)` read
    it, each time anew, a batch of 65,536 rows at a time. In Python it is a sequence of named
    tuples. An address is an int, as id() gives it.

    What costs time are columns of texts that are made when they are read, `preview` and `kind`
    above all: select() the columns that are wanted.
    """

    def __init__(self, data: "_memexplorer.TableData", name: str, heap: Any) -> None:
        self._data = data
        self._heap = heap
        self.name = name  #: of the table; "" for the rows of a query
        self.columns: Tuple[str, ...] = data.columns
        self._length: Optional[int] = None
        self._row = _row(self.columns)

    def select(self, *columns: str) -> "Table":
        """The same rows with these columns, in this order. Not of a query: select there."""
        if not self.name:
            raise TypeError("the columns of a query are those that it selects")
        data = _memexplorer.TableData(self._heap, self.name, tuple(columns))
        return Table(data, self.name, self._heap)

    def __len__(self) -> int:
        if self._length is None:
            self._length = self._data.row_count
        return self._length

    def __iter__(self) -> Iterator[Any]:
        at = 0
        while True:
            rows = self._data.read(at, READ_ROWS)
            yield from map(self._row._make, rows)
            at += len(rows)
            if not rows:
                return

    def __getitem__(self, place: Union[int, slice]) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(f"row {place} of {len(self)}")
        return self._row._make(self._data.read(at, 1)[0])

    def head(self, count: int = SHOWN_ROWS) -> List[Any]:
        """The first rows."""
        return [self._row._make(row) for row in self._data.read(0, count)]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._data.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._data.__arrow_c_schema__()

    def _texts(self) -> Tuple[List[str], List[List[str]]]:
        rows = self._data.read(0, SHOWN_ROWS)
        texts = [list(map(_html.cell, self.columns, row)) for row in rows]
        return list(self.columns), texts

    def __repr__(self) -> str:
        names, rows = self._texts()
        more = len(self) - len(rows)
        lines = _html.aligned(names, rows)
        if more:
            lines.append(f"... {more:,} more rows")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        names, rows = self._texts()
        more = len(self) - len(rows)
        return _html.table(names, rows, f"... {more:,} more rows" if more else "")
