"""no_cycles: a block, or a test, leaves nothing for the cycle collector to free."""

import gc
from types import CodeType
from typing import Any, Collection, Dict, Tuple

from .check import Check
from .collector import collect, find_garbage, type_name
from .explain import cycles_of, indented

__all__ = ["no_cycles"]

MOST_TYPES = 5  # of garbage, named in a message


class no_cycles(Check):  # noqa: N801 - reads as the assertion that it is
    """Assert that a block makes no garbage cycle: `with no_cycles(): ...`.

    The collector is off inside. What it would find at the end fails the assertion, with the cycles
    and the names of the attributes that close them. With types, `no_cycles(Session, Request)`, only
    their instances (those of subclasses, too) count: none of them may wait for the collector.
    Nothing is asserted when the block raises.
    """

    def __init__(self, *types: type) -> None:
        for one in types:
            if not isinstance(one, type):
                raise TypeError(f"no_cycles takes types, not {one!r}")
        self.types = types
        self.own: Collection[CodeType] = ()
        self._enabled = False
        self._found_meanwhile = 0  # by collections that the block asked for itself

    def begin(self) -> None:
        self._enabled = gc.isenabled()
        gc.disable()
        collect()
        gc.callbacks.append(self._note)

    def end(self) -> str:
        gc.callbacks.remove(self._note)
        found = find_garbage(self.own)
        bad = {a for a, kind in found.items() if not self.types or issubclass(kind, self.types)}
        if bad:
            return indented([_summary(bad, found), *cycles_of(bad)])
        if self._found_meanwhile and not self.types:
            found_it = f"a collection inside found {self._found_meanwhile:,} objects"
            return (
                f"{found_it} that only the cycle collector frees; without the call of"
                " gc.collect() this message says which"
            )
        return ""

    def close(self) -> None:
        """Free the garbage, and leave the collector as it was."""
        if self._note in gc.callbacks:  # the block has raised
            gc.callbacks.remove(self._note)
        collect()
        if self._enabled:
            gc.enable()

    def _note(self, phase: str, info: Dict[str, Any]) -> None:
        if phase == "stop":
            self._found_meanwhile += info["collected"] + info["uncollectable"]


def _summary(bad: Collection[int], found: Dict[int, type]) -> str:
    counts: Dict[str, int] = {}
    for address in bad:
        name = type_name(found[address])
        counts[name] = counts.get(name, 0) + 1
    ranked: Tuple[Tuple[str, int], ...] = tuple(sorted(counts.items(), key=lambda one: -one[1]))
    named = ", ".join(f"{count:,} {name}" for name, count in ranked[:MOST_TYPES])
    if len(ranked) > MOST_TYPES:
        named += ", ..."
    what = f"{len(bad):,} object{'' if len(bad) == 1 else 's'}"
    return f"{what} left that only the cycle collector frees: {named}"
