"""The annotated listing: each line of the source that did something, and what it did.

Knows events (docs/trace.md) and nothing of how they came to be.
"""

from typing import Any, Dict, Iterable, List, Optional, TextIO, Tuple

from .events import Event

SHOWN = 8  # events below one line; a loop does the same again and again
PLAIN = {"int", "str", "float", "bool", "NoneType", "bytes", "complex", "ellipsis"}

COLORS = {"birth": "32", "death": "31", "bind": "36", "rebind": "33", "unbind": "35",
          "count": "2", "collection": "34", "finalizer": "34", "resurrected": "1;33",
          "note": "2", "fork": "34"}  # fmt: skip

CAUSES = {
    "count": "reference count reached zero",
    "count-in-collection": "reference count reached zero, in code that the cycle collector ran",
    "count-after-collector": "reference count reached zero, when the cycle collector"
                             " (generation {generation}) had cleared what held it",
    "collector": "cycle collector, generation {generation}",
    "shutdown": "interpreter shutdown",
}  # fmt: skip

BY = {"count": "reference count reached zero", "collector": "the cycle collector found it",
      "shutdown": "interpreter shutdown"}  # fmt: skip

WHY = {"asked": "asked for", "shutdown": "interpreter shutdown"}


def label(thing: Dict[str, Any]) -> str:
    kind, text = thing.get("type", "an object"), thing.get("text", "")
    if kind in PLAIN:
        return text or kind
    if kind in ("type", "function", "module"):
        return f"{'class' if kind == 'type' else kind} {text}"
    name = f"{kind}#{thing['id']}" if thing["id"] else f"{kind} at {thing['address']}"
    return f"{name} ({text})" if text else name


def is_plain(thing: Dict[str, Any]) -> bool:
    return thing.get("type") in PLAIN or thing.get("type") in ("type", "function", "module")


def counted(refs: List[Optional[int]], immortal: bool = False) -> str:
    before, after = refs
    if immortal:
        return "immortal"
    if after is None:
        return f"count {before} -> not told" if before is not None else "count not told"
    if before is None:
        return f"count {after}"
    return f"count {before} -> {after}"


def held(event: Event) -> str:
    names = list(event.get("held_by", ()))
    if event.get("held_by_more"):
        names.append(f"{event['held_by_more']} more")
    return f"; also held by {', '.join(names)}" if names else ""


def old_text(event: Event) -> str:
    old = event["old"]
    if is_plain(old):
        return label(old)
    return f"{label(old)}, {counted(event['old_refs'])}"


def text_of_name(event: Event) -> str:
    kind, name = event["event"], event["name"]
    if kind == "unbind":
        if event.get("why") == "frame":
            return f"{name} goes with its frame: {label(event['old'])}"
        return f"{name} deleted: was {old_text(event)}"
    thing = event["object"]
    counts = ""
    if not is_plain(thing):
        counts = ", " + counted(event["refs"], event.get("immortal", False))
    if kind == "count":
        return f"{name}: {label(thing)}{counts}{held(event)}"
    was = f" (was {old_text(event)})" if kind == "rebind" else ""
    verb = "rebound to" if kind == "rebind" else "="
    return f"{name} {verb} {label(thing)}{counts}{held(event)}{was}"


def text_of_collection(event: Event, start: Event) -> str:
    why = WHY.get(start.get("why", ""), "")
    if start.get("why") == "threshold":
        why = f"threshold {start['threshold']} passed, {start['count']} new"
    found = f"{event['collected']} objects"
    if event["uncollectable"]:
        found += f", {event['uncollectable']} uncollectable"
    took = f"{event['seconds'] * 1e3:.2f} ms"
    return f"cycle collector, generation {event['generation']} ({why}): found {found}, took {took}"


def text_of(event: Event, start: Event) -> str:
    kind = event["event"]
    if kind in ("bind", "rebind", "unbind", "count"):
        return text_of_name(event)
    if kind == "collection":
        return text_of_collection(event, start)
    if kind == "fork":
        return "a child process was forked: it is not followed"
    name = label(event["object"])
    if kind == "birth":
        return f"{name} born"
    if kind == "death":
        if not event["born_seen"]:
            name += ", born before the trace,"
        return f"{name} died: " + CAUSES[event["cause"]].format(**event)
    if kind == "finalizer":
        return f"{name} finalizer run: {BY[event['by']]}"
    return f"{name} resurrected by its finalizer, or by one that it hangs on: it lives on"


def is_noise(event: Event) -> bool:
    """A parameter that holds a number goes with its frame: nobody asked."""
    return event["event"] == "unbind" and event.get("why") == "frame" and is_plain(event["old"])


class Listing:
    """Takes events one by one; print() writes them under the lines of the source."""

    def __init__(self) -> None:
        self.files: Dict[int, Event] = {}
        self.start: Event = {}
        self.ended = self.lost = False
        self.by_line: Dict[Tuple[int, int], List[Tuple[int, str, str]]] = {}
        self.more: Dict[Tuple[int, int], int] = {}
        self.elsewhere: List[Tuple[str, str]] = []
        self.totals: Dict[Tuple[int, int], Event] = {}
        self.collection: Event = {}
        self.sums: Dict[str, int] = {}

    def add(self, event: Event) -> None:
        kind = event["event"]
        if kind == "file":
            self.files[event["file"]] = event
        elif kind == "start":
            self.start = event
        elif kind == "end":
            self.ended = True
            self.lost = event["lines_lost"]
        elif kind == "line":
            self.totals[event["file"], event["line"]] = event
        elif kind == "collection-start":
            self.collection = event
        else:
            self.add_change(event)

    def add_change(self, event: Event) -> None:
        kind = event["event"]
        self.sums[kind] = self.sums.get(kind, 0) + 1
        if is_noise(event):
            return
        if "file" not in event:
            self.elsewhere.append((kind, text_of(event, self.collection)))
            return
        place = event["file"], event["line"]
        texts = self.by_line.setdefault(place, [])
        if len(texts) < SHOWN:
            texts.append((event["step"], kind, text_of(event, self.collection)))
        else:
            self.more[place] = self.more.get(place, 0) + 1

    def cannot(self) -> List[str]:
        """What this version does not tell."""
        said = []
        python = self.start.get("python", "")
        if self.start.get("births") == "tp_alloc":
            said.append(f"Python {python} tells nothing of the birth and death of objects of"
                        ' built-in types (3.13 does): "not told" where the end of one was'
                        " not seen")  # fmt: skip
            if self.start.get("all_asked"):
                said.append("--all: of classes made by a class statement only, for that reason")
        if self.start.get("lines") == "C trace function":
            said.append(f"Python {python}: threads that were not started by the threading module"
                        " are not seen")  # fmt: skip
        if self.lost:
            said.append(
                "the program set a trace function of its own: lines are not seen after that"
            )
        if self.start.get("births") == "PyRefTracer" and not self.start.get("deaths_of_all"):
            said.append(f"Python {python} frees some objects of built-in types without a word"
                        ' (later ones do not): "not told" there')  # fmt: skip
        if not self.ended:
            said.append("the process ended without shutting down the interpreter (os._exit, exec,"
                        " or a signal): what came after the last event is not told")  # fmt: skip
        return said

    def print(self, out: TextIO, color: bool) -> None:
        def paint(kind: str, text: str) -> str:
            code = COLORS.get(kind)
            return f"\x1b[{code}m{text}\x1b[0m" if color and code else text

        for number in sorted(self.files):
            self.print_file(self.files[number], out, paint)
        if self.elsewhere:
            out.write("\noutside the lines of the program\n")
        for kind, text in self.elsewhere[:200]:
            out.write(f"        {paint(kind, text)}\n")
        if len(self.elsewhere) > 200:
            out.write(f"        ... {len(self.elsewhere) - 200} more\n")
        out.write("\n")
        names = sum(self.sums.get(kind, 0) for kind in ("bind", "rebind", "unbind"))
        out.write(f"{self.sums.get('birth', 0)} births, {self.sums.get('death', 0)} deaths,"
                  f" {self.sums.get('collection', 0)} runs of the cycle collector,"
                  f" {names} changes of names\n")  # fmt: skip
        for text in self.cannot():
            out.write(paint("note", text) + "\n")

    def print_file(self, file: Event, out: TextIO, paint: Any) -> None:
        lines = sorted(line for number, line in self.by_line if number == file["file"])
        if not lines:
            return
        source = file.get("source", [])
        out.write(f"\n{file['path']}\n")
        if file.get("no_source"):
            out.write(f"        its source cannot be read: {file['no_source']}\n")
        last = len(source) if source else lines[-1]
        for line in range(min(lines[0], 1), last + 1):
            text = source[line - 1] if 0 < line <= len(source) else ""
            if line > 0:
                out.write(f"{line:5} | {text}\n".rstrip() + "\n")
            self.print_line(file["file"], line, out, paint)

    def print_line(self, number: int, line: int, out: TextIO, paint: Any) -> None:
        place = number, line
        texts = self.by_line.get(place, [])
        several = len({step for step, _, _ in texts}) > 1
        for step, kind, text in texts:
            at = f"{step:>8}: " if several else " " * 10
            out.write(f"{at}{paint(kind, text)}\n")
        totals = self.totals.get(place, {})
        more = self.more.get(place, 0) + totals.get("hidden", 0)
        if more:
            out.write(" " * 10 + paint("note", f"... {more} more; in all {totals.get('runs', '?')}"
                      f" runs, {totals.get('births', '?')} births,"
                      f" {totals.get('deaths', '?')} deaths") + "\n")  # fmt: skip


def listing(events: Iterable[Event]) -> Listing:
    made = Listing()
    for event in events:
        made.add(event)
    return made
