"""Every table of src/layout/tables says every number: one that it leaves out would read as 0."""

import re
from pathlib import Path

import pytest

LAYOUT = Path(__file__).resolve().parents[2] / "src" / "layout"
TABLES = sorted((LAYOUT / "tables").glob("cpython_*.inc"))
LINE = re.compile(r"(FIELD|SIZE|CONST|DEBUG)\((\w+),")


def test_there_are_tables() -> None:
    assert len(TABLES) > 12


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_every_number_of_fields_def_is_in_the_table(table: Path) -> None:
    lines = map(LINE.match, (LAYOUT / "fields.def").read_text().splitlines())
    names = [("debug_" if m[1] == "DEBUG" else "") + m[2] for m in lines if m]
    text = table.read_text()
    assert len(names) > 100
    assert [name for name in names if f".{name} =" not in text] == []
