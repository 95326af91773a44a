"""Assertions about memory, for tests of any kind; the pytest plugin makes fixtures and markers of
them.

assert_freed_at_once(obj_factory)   reference counting alone frees what the function returns
with no_new(Session): ...           no more instances at the end than at the beginning
with no_cycles(): ...               no garbage that needs the cycle collector
with max_retained("10 MB"): ...     no more memory at the end than that
assert_no_leaks(function)           called again and again, nothing grows
"""

from .census import no_new
from .cycles import no_cycles
from .freed import assert_freed_at_once
from .leaks import assert_no_leaks
from .retained import max_retained

__all__ = ["assert_freed_at_once", "assert_no_leaks", "max_retained", "no_cycles", "no_new"]
