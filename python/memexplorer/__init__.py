"""memexplorer, from inside: explore the memory of this Python process.

memutil   reference counts by address: memutil.refs(id(v1))
Doomed    an object that says when it is finalized, and why
capture   a Snapshot of this process, or of another one; open() reads a file of one
install   write a snapshot on a signal, or when memory runs out; uninstall() ends that
trace     shows what each line of a block does to names and objects; trace.main is the command
lesson    walks through lessons on reference counting: python -m memexplorer.lesson refcounting
"""

from . import memutil
from ._memexplorer import Doomed
from .install import install, uninstall
from .snapshot import Answer, Snapshot, capture, open
from .table import Table
from .tracing.api import trace

__all__ = [
    "Answer",
    "Doomed",
    "Snapshot",
    "Table",
    "capture",
    "install",
    "memutil",
    "open",
    "trace",
    "uninstall",
]
__version__ = "0.1.0"


def load_ipython_extension(ipython: object) -> None:
    """%load_ext memexplorer: the magic %%memtrace."""
    from .tracing.magic import register

    register(ipython)
