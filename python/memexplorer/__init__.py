"""memexplorer, from inside: explore the memory of this Python process.

memutil   reference counts by address: memutil.refs(id(v1))
Doomed    an object that says when it is finalized, and why
lesson    walks through lessons on reference counting: python -m memexplorer.lesson refcounting
"""

from . import memutil
from ._memexplorer import Doomed

__all__ = ["Doomed", "memutil"]
__version__ = "0.1.0"
