"""What the cycle collector finds, and names of what it finds. Knows neither pytest nor
snapshots."""

import gc
import sys
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Collection, Dict, Iterator, List, Set

__all__ = ["collect", "collector_off", "find_garbage", "new_inside", "type_name", "young_ids"]

MOST_COLLECTIONS = 10  # finalizers may leave new garbage each time, for ever
HAS_GENERATIONS = "free-threading" not in sys.version


def collect() -> None:
    """Free what only the collector frees, and what its finalizers leave."""
    for _ in range(MOST_COLLECTIONS):
        if not gc.collect():
            return


@contextmanager
def collector_off() -> Iterator[None]:
    """Nothing waits for the collector when it begins, and it does not run by itself inside."""
    was_enabled = gc.isenabled()
    gc.disable()
    collect()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def find_garbage(own: Collection[CodeType] = ()) -> Dict[int, type]:
    """The objects that only the collector would free, by address. They are not freed.

    Their finalizers and the callbacks of weak references have run, as they do when it frees them.
    Frames of the code in `own` let go of their variables first: an exception that a test keeps in a
    variable (`with pytest.raises(...) as info`) is on a cycle with the frame of the test.
    """
    flags = gc.get_debug()
    before = len(gc.garbage)
    gc.set_debug((flags | gc.DEBUG_SAVEALL) & ~gc.DEBUG_STATS)
    try:
        gc.collect()
        if own and _clear_frames(gc.garbage[before:], own):
            del gc.garbage[before:]
            gc.collect()
        return {id(one): type(one) for one in gc.garbage[before:]}
    finally:
        gc.set_debug(flags)
        del gc.garbage[before:]


def _clear_frames(found: List[object], own: Collection[CodeType]) -> int:
    frames = [one for one in found if isinstance(one, FrameType) and one.f_code in own]
    for frame in frames:
        frame.clear()
    return len(frames)


def young_ids() -> Set[int]:
    """Where free-threaded builds have objects now; else nothing: their youngest generation says
    it."""
    return set() if HAS_GENERATIONS else set(map(id, gc.get_objects()))


def new_inside(root: object, old: Set[int]) -> Set[int]:
    """Addresses of what `root` leads to through objects that the collector tracks and that came
    into being since collector_off() began, itself not included."""
    objects = gc.get_objects(generation=0) if HAS_GENERATIONS else gc.get_objects()
    new = {id(one) for one in objects if id(one) not in old}
    del objects
    seen: Set[int] = {id(root)}
    waiting = [root]
    while waiting:
        for one in gc.get_referents(waiting.pop()):
            if id(one) in new and id(one) not in seen:
                seen.add(id(one))
                waiting.append(one)
    seen.discard(id(root))
    return seen


def type_name(kind: type) -> str:
    """As the commands print it: "builtins.list", "app.Session"."""
    return f"{kind.__module__}.{kind.__qualname__}"
