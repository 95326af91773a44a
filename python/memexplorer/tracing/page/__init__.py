"""The page of a traced program: one file of HTML, with all that it needs inside.

Knows the story that page.js tells, and not how it came about. What draws graph and chart
(Cytoscape.js and uPlot, both under the MIT license) is bundled when the package is built.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any, TypedDict

_HERE = Path(__file__).resolve().parent
_LIBRARIES = ("cytoscape.min.js", "uPlot.iife.min.js")
_STYLES = ("uPlot.min.css",)


class File(TypedDict):
    name: str
    lines: list[str]


class Object(TypedDict):
    label: str
    born: str  # where, for a person: "app.py:12"
    died: str
    cause: str


class Step(TypedDict):
    """What changed with one step. Objects are their numbers in the story."""

    file: int
    line: int
    texts: list[tuple[str, str]]  # kind (born, died, collected, bound, ...) and what a person reads
    names: list[tuple[str, str, int | None]]  # scope, name, object; None: the name is gone
    references: list[tuple[int, str, int | None]]  # from, label, to; None: it is gone
    counts: list[tuple[int, int]]
    born: list[int]
    died: list[int]


class Story(TypedDict):
    title: str
    about: str
    files: list[File]
    objects: list[Object]
    steps: list[Step]


class PageError(Exception):
    """One line for the person who asked for a page."""


def _bundled(name: str) -> str:
    try:
        return (_HERE / "libraries" / name).read_text(encoding="utf-8")
    except OSError:
        raise PageError(
            f"this memexplorer was built without {name}, which draws the page; "
            "build it where npm is installed, or use --json"
        ) from None


def _own(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _script(code: str) -> str:
    """As it may stand between <script> and </script>."""
    return re.sub(r"</(script)", r"<\\/\1", code, flags=re.IGNORECASE).replace("<!--", "<\\!--")


def _data(story: Story) -> str:
    return json.dumps(story, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def render(story: Story) -> str:
    """The page. Raises PageError when the package was built without what draws it."""
    parts: dict[str, Any] = {
        "TITLE": html.escape(story["title"]),
        "STYLE": "\n".join([*map(_bundled, _STYLES), _own("page.css")]),
        "STORY": _data(story),
        "LIBRARIES": "\n;\n".join(_script(_bundled(name)) for name in _LIBRARIES),
        "SCRIPT": _script(_own("page.js")),
    }
    # In one go: what is put in may look like a place itself.
    return re.sub(r"@([A-Z]+)@", lambda match: parts.get(match[1], match[0]), _own("page.html"))
