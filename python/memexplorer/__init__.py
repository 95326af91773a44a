"""memexplorer, from inside: explore the memory of this Python process.

memutil   reference counts by address: memutil.refs(id(v1))
Doomed    an object that says when it is finalized, and why
capture   a Snapshot of this process, or of another one; open() reads a file of one
install   write a snapshot on a signal, or when memory runs out; uninstall() ends that
lesson    walks through lessons on reference counting: python -m memexplorer.lesson refcounting
"""

from . import memutil
from ._memexplorer import Doomed
from .install import install, uninstall
from .snapshot import Answer, Snapshot, capture, open
from .table import Table

__all__ = ["Answer", "Doomed", "Snapshot", "Table", "capture", "install", "memutil", "open", "uninstall"]
__version__ = "0.1.0"
