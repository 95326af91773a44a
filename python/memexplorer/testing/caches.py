"""Caches that fill while a program runs, of Python itself and its library, emptied before anything
is counted.

The same that CPython's regrtest -R empties (Lib/test/libregrtest/refleak.py, utils.py:
clear_caches), as far as emptying changes nothing but speed, and functools' caches of the library
and of pytest. What programs cache themselves is theirs to answer for.
"""

import abc
import functools
import os
import sys
from typing import Any, Dict, Iterable, List, Set, Tuple

__all__ = ["Caches"]

LIBRARY = os.path.dirname(os.__file__) + os.sep
NOT_LIBRARY = ("site-packages", "dist-packages")
OF_PYTEST = ("_pytest", "pytest", "pluggy", "memexplorer")

# Module, function: called when the module has been imported.
CLEARED: Tuple[Tuple[str, str], ...] = (
    ("re", "purge"),
    ("struct", "_clearcache"),
    ("ctypes", "_reset_cache"),
    ("urllib.parse", "clear_cache"),
    ("filecmp", "clear_cache"),
    ("_strptime", "_regex_cache.clear"),
    ("inspect", "_filesbymodname.clear"),
    ("inspect", "modulesbyfile.clear"),
    ("zipimport", "_zip_directory_cache.clear"),
)
# Module, dict: what came since is taken out.
KEPT: Tuple[Tuple[str, str], ...] = (("linecache", "cache"), ("sys", "path_importer_cache"))


class Caches:
    """Empties caches; what KEPT had when this was made stays there."""

    def __init__(self) -> None:
        self._kept: List[Tuple[Dict[Any, Any], Set[Any]]] = []
        for module, name in KEPT:
            cache = _find(module, name)
            if isinstance(cache, dict):
                self._kept.append((cache, set(cache)))

    def clear(self, objects: Iterable[object]) -> None:
        """`objects` are those among which functions with a cache are looked for."""
        for cache, kept in self._kept:
            for key in [key for key in cache if key not in kept]:
                del cache[key]
        for module, name in CLEARED:
            clear = _find(module, name)
            if clear is not None:
                clear()
        for clear in getattr(sys.modules.get("typing"), "_cleanups", ()):
            clear()
        for loaded in list(sys.modules.values()):
            registry = getattr(loaded, "__dict__", {}).get("__warningregistry__")
            if isinstance(registry, dict):
                registry.clear()
        _clear_functools(objects)
        _clear_abstract(abc.ABC)
        # sys._clear_type_cache() warns that it is deprecated where the other is there (3.13).
        (getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache)()


def _find(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _clear_functools(objects: Iterable[object]) -> None:
    wrapper = getattr(functools, "_lru_cache_wrapper", None)
    for one in objects:
        if type(one) is wrapper and _is_of_library(getattr(one, "__module__", None)):
            one.cache_clear()  # type: ignore[attr-defined]


def _is_of_library(module: object) -> bool:
    if not isinstance(module, str):
        return False
    if module.partition(".")[0] in OF_PYTEST:
        return True
    path = getattr(sys.modules.get(module), "__file__", None) or ""
    return path.startswith(LIBRARY) and not any(name in path for name in NOT_LIBRARY)


def _clear_abstract(root: type) -> None:
    """The caches in which isinstance() keeps what is a subclass of an abstract class."""
    waiting: List[type] = [object]
    seen: Set[int] = set()
    while waiting:
        kind = waiting.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        waiting += type.__subclasses__(kind)
        if isinstance(kind, abc.ABCMeta):
            kind._abc_caches_clear()
