"""Events (docs/trace.md) -> the story that page/ tells: what each step changed.

A step is a run of one line that changed something; what callees changed in between is theirs.
"""

from __future__ import annotations

import os
from typing import Any

from .events import Event
from .listing import CAUSES, Listing, label, text_of

LIMIT_STEPS = 5000  # a page with more is too slow to look at

KINDS = {"birth": "born", "death": "died", "bind": "bound", "rebind": "bound", "unbind": "deleted",
         "collection": "collected", "count": "counted", "finalizer": "finalized"}  # fmt: skip


class Teller:
    def __init__(self) -> None:
        self.story: dict[str, Any] = {"title": "trace", "about": "", "files": [], "objects": [],
                                      "steps": []}  # fmt: skip
        self.files: dict[int, int] = {}
        self.numbers: dict[int, int] = {}  # id of an object -> its place in the story
        self.steps: dict[tuple[int, int], dict[str, Any]] = {}
        self.collection: Event = {}
        self.cut = False

    def object(self, thing: dict[str, Any]) -> int:
        if thing["id"] not in self.numbers:
            self.numbers[thing["id"]] = len(self.story["objects"])
            self.story["objects"].append(
                {"label": label(thing), "born": "", "died": "", "cause": ""}
            )
        return self.numbers[thing["id"]]

    def place(self, event: Event) -> str:
        if "file" not in event:
            return "outside the program's lines"
        name = self.story["files"][self.files[event["file"]]]["name"]
        return f"{os.path.basename(name)}:{event['line']}"

    def step(self, event: Event) -> dict[str, Any]:
        """The step of the event; a new one, at the end, when another came in between."""
        file = self.files.get(event.get("file", 0), 0)
        where = (file, event.get("line", 0))
        last = self.story["steps"][-1] if self.story["steps"] else None
        if last is None or last["number"] != event["step"] or (last["file"], last["line"]) != where:
            last = {"number": event["step"], "file": file, "line": where[1], "texts": [],
                    "names": [], "references": [], "counts": [], "born": [],
                    "died": []}  # fmt: skip
            self.story["steps"].append(last)
        return last

    def add(self, event: Event) -> None:
        kind = event["event"]
        if kind == "file":
            self.files[event["file"]] = len(self.story["files"])
            self.story["files"].append({"name": event["path"], "lines": event["source"]})
        elif kind == "start":
            self.story["about"] = f"Python {event['python']}"
        elif kind == "collection-start":
            self.collection = event
        elif kind not in ("line", "end"):
            if len(self.story["steps"]) >= LIMIT_STEPS:
                self.cut = True
            else:
                self.change(event)

    def change(self, event: Event) -> None:
        step, kind = self.step(event), event["event"]
        step["texts"].append((KINDS.get(kind, kind), text_of(event, self.collection)))
        if kind in ("bind", "rebind", "unbind"):
            scope = event["scope"]
            scope = scope if scope == "global" else f"{event['function']} #{event['frame']}"
            held = None if kind == "unbind" else self.object(event["object"])
            step["names"].append((scope, event["name"], held))
        if event.get("refs") and event["refs"][1] is not None:
            step["counts"].append((self.object(event["object"]), event["refs"][1]))
        if event.get("old_refs") and event["old_refs"][1] is not None:
            step["counts"].append((self.object(event["old"]), event["old_refs"][1]))
        if kind == "birth":
            number = self.object(event["object"])
            self.story["objects"][number]["born"] = self.place(event)
            step["born"].append(number)
        elif kind == "death":
            number = self.object(event["object"])
            self.story["objects"][number].update(
                died=self.place(event), cause=CAUSES[event["cause"]].format(**event)
            )
            step["died"].append(number)


def tell(events: list[Event], title: str) -> dict[str, Any]:
    teller, said = Teller(), Listing()
    for event in events:
        teller.add(event)
        said.add(event)
    for step in teller.story["steps"]:
        del step["number"]
    about = [teller.story["about"], *said.cannot()]
    if teller.cut:
        about.append(f"only the first {LIMIT_STEPS} steps are here; --json has all")
    teller.story["about"] = ". ".join(about)
    teller.story["title"] = title
    return teller.story
