"""What a process says of its own objects, written to a file without leaving anything behind.

A line for each object that gc.get_objects() and gc.get_referents() lead to:

    address type size tracked address...     numbers; the referents come last; size -1: not known

then one line `type NUMBER GC NAME` for each type; GC is 1 when its instances have a tp_traverse.
The objects of the collecting itself are left out, and _asyncio where its traverse function reports
objects that are not alive. Runs in the target, on CPython 3.8 and later.
"""

import gc
import os
import sys

UNKNOWN_SIZE = -1
BUFFER_SIZE = 1 << 20
FLAG_HAVE_GC = 1 << 14
# Modules/_asynciomodule.c, module_traverse visits futures' iterators on its free list: to take a
# reference to one and give it up frees it once more, and the list is a ring then.
FREE_LIST_TOLD = (3, 12) <= sys.version_info < (3, 13, 15)
METHOD_DESCRIPTOR = type(object.__sizeof__)
type_name = type.__dict__["__qualname__"].__get__
type_flags = type.__dict__["__flags__"].__get__
type_module = type.__dict__["__module__"].__get__


def has_c_sizeof(cls):
    """Its size is what C code says: a __sizeof__ written in Python may say anything."""
    for base in type.mro(cls) if cls is not type else type.__mro__:
        if "__sizeof__" in base.__dict__:
            return type(base.__dict__["__sizeof__"]) is METHOD_DESCRIPTOR
    return False


def write(path):
    types = {}
    seen = set()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    walk(file, types, seen)
    for cls, (number, _) in types.items():
        has_gc = bool(type_flags(cls) & FLAG_HAVE_GC)
        os.write(file, b"type %d %d %s\n" % (number, has_gc, full_name(cls).encode()))
    os.close(file)


def full_name(cls):
    return "%s.%s" % (type_module(cls), type_name(cls))


def walk(file, types, seen):
    caller = sys._getframe(1)
    waiting = gc.get_objects()
    for own in (sys._getframe(), caller, waiting, types, seen):
        seen.add(id(own))
    if FREE_LIST_TOLD and "_asyncio" in sys.modules:
        seen.add(id(sys.modules["_asyncio"]))
    del caller, own
    text = bytearray()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        cls = type(thing)
        if cls not in types:
            types[cls] = (len(types), has_c_sizeof(cls))
        number, sized = types[cls]
        # Before gc.get_referents(): the size of a BytesIO depends on who else holds its buffer.
        size = sys.getsizeof(thing) if sized else UNKNOWN_SIZE
        text += b"%d %d %d %d" % (id(thing), number, size, gc.is_tracked(thing))
        referents = gc.get_referents(thing)
        for referent in referents:
            text += b" %d" % id(referent)
        text += b"\n"
        if len(text) > BUFFER_SIZE:
            os.write(file, text)
            text.clear()
        waiting.extend(referents)
        del referents, thing, cls
    os.write(file, text)


def reference_count(held, index):
    """Of held[index], without what the asking itself holds."""
    return sys.getrefcount(held[index]) - 1
