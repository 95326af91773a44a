"""The HTML page of a failing test: one file that needs no other. Knows what is shown, not where
from."""

from html import escape
from typing import Iterable, List, NamedTuple, Sequence, Tuple

from .._html import size_text

__all__ = ["Local", "Page", "Suspect", "TypeRow"]


class Local(NamedTuple):
    """A variable of a function that the failure went through."""

    frame: str  #: "test_login at test_app.py:12"
    name: str
    type: str
    preview: str
    retained: int  #: bytes that would go with the value
    why: Sequence[str]  #: who holds it


class TypeRow(NamedTuple):
    name: str
    count: int
    bytes: int
    retained: int


class Suspect(NamedTuple):
    text: str
    path: str


class Page(NamedTuple):
    test: str  #: node id
    phase: str
    failure: str
    facts: Sequence[Tuple[str, str]]  #: of the process
    locals: Sequence[Local]
    suspects: Sequence[Suspect]
    types: Sequence[TypeRow]
    snapshot: str  #: the file's name, beside this one; "" when there is none
    problem: str  #: why there is no snapshot

    def html(self) -> str:
        body = [
            f"<h1>{escape(self.test)}</h1>",
            f"<p>failed in {escape(self.phase)}</p>",
            f"<pre class=failure>{escape(self.failure)}</pre>",
            _definitions(self.facts),
        ]
        if self.problem:
            body.append(f"<p class=problem>There is no snapshot: {escape(self.problem)}</p>")
        if self.snapshot:
            name = escape(self.snapshot)
            body.append(
                f"<p>The memory as it was: <a href='{name}'>{name}</a>, for <code>memexplorer"
                f" report {name}</code> and every other command. It has values in it, passwords"
                " too.</p>"
            )
        body += ["<h2>Local variables</h2>", *_locals(self.locals)]
        body += ["<h2>Suspects</h2>", *_suspects(self.suspects)]
        body += ["<h2>Biggest types</h2>", *_types(self.types)]
        title = f"<title>{escape(self.test)}</title>"
        head = f"<meta charset=utf-8>{title}<style>{STYLE}</style>"
        return f"<!doctype html><html lang=en><head>{head}</head><body>\n" + "\n".join(body) + END


END = "\n</body></html>\n"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }
h1 { font-size: 1.3em; overflow-wrap: anywhere } h2 { font-size: 1.1em; margin-top: 2em }
pre, code, .name { font-family: ui-monospace, monospace; font-size: .9em }
pre { background: #8881; padding: .8em; overflow: auto; white-space: pre-wrap }
pre.failure { border-left: 4px solid #c33 } .problem { color: #c33 }
table { border-collapse: collapse; width: 100% }
td, th { padding: .2em .8em .2em 0; vertical-align: top }
th { text-align: left; border-bottom: 1px solid #8888 } tr + tr td { border-top: 1px solid #8883 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td { overflow-wrap: anywhere } dt { float: left; width: 9em }
.way { color: #888; white-space: pre-wrap }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } a { color: #8bf } }
"""


def _definitions(facts: Iterable[Tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}<dd>{escape(value)}" for name, value in facts)
    return f"<dl>{rows}</dl>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int]) -> str:
    """The cells of `rows` are HTML already."""

    def line(tag: str, cells: Sequence[str]) -> str:
        marked = (
            f"<{tag} class=number>{cell}" if at in numbers else f"<{tag}>{cell}"
            for at, cell in enumerate(cells)
        )
        return "<tr>" + "".join(marked)

    return f"<table>{line('th', heads)}{''.join(line('td', row) for row in rows)}</table>"


def _locals(found: Sequence[Local]) -> List[str]:
    parts: List[str] = []
    frames = list(dict.fromkeys(one.frame for one in found))
    for frame in frames:
        rows = []
        for one in found:
            if one.frame == frame:
                ways = "".join(f"<div class=way>{escape(way)}</div>" for way in one.why)
                value = f"<code>{escape(one.preview)}</code>{ways}"
                name = f"<span class=name>{escape(one.name)}</span>"
                rows.append((name, escape(one.type), size_text(one.retained), value))
        parts.append(f"<h3>{escape(frame)}</h3>")
        parts.append(_table(("name", "type", "retains", "value, and who holds it"), rows, (2,)))
    return parts or ["<p>None: no frame of the test was left.</p>"]


def _suspects(found: Sequence[Suspect]) -> List[str]:
    if not found:
        return ["<p>None.</p>"]
    lines = (f"<li>{escape(one.text)}<div class=way>{escape(one.path)}</div>" for one in found)
    return [f"<ol>{''.join(lines)}</ol>"]


def _types(found: Sequence[TypeRow]) -> List[str]:
    rows = [
        (escape(one.name), f"{one.count:,}", size_text(one.bytes), size_text(one.retained))
        for one in found
    ]
    return [_table(("type", "objects", "bytes", "retained"), rows, (1, 2, 3))]
