"""Objects of which the program knows who owns them, with their sizes as sys.getsizeof() has them.

A row is {"address", "retained", "objects"}: what goes when the object at the address goes.
"""

import gc
import json
import sys

size_of = sys.getsizeof


class Record:
    __slots__ = ("items",)


class Keeper:
    __slots__ = ("held",)


def text(number):
    """A str that nobody else has."""
    return "a text of the number %d, " % number * 3


shared = ["shared"]
shared.append(text(-1))
records, records_bytes, records_objects = [], 0, 0
for number in range(1000):
    record = Record()
    record.items = [text(number), shared]
    records.append(record)
    records_bytes += size_of(record) + size_of(record.items) + size_of(record.items[0])
    records_objects += 3
first = {
    "address": id(records[0]),
    "retained": size_of(records[0]) + size_of(records[0].items) + size_of(records[0].items[0]),
    "objects": 3,
}
ours = Keeper()
ours.held = records
del record, records


def nest(depth):
    """Dicts in dicts, each with a text of its own."""
    if not depth:
        return text(1000), size_of(text(1000)), 1
    made, retained, objects = {}, 0, 0
    for number in range(3):
        key, (inner, below, count) = text(number), nest(depth - 1)
        made[key] = inner
        retained += size_of(key) + below
        objects += 1 + count
    return made, retained + size_of(made), objects + 1


nested, nested_bytes, nested_objects = nest(4)
# Held from two sides: nobody retains it but what holds both.
left, right = Keeper(), Keeper()
left.held = right.held = [text(2000)]
both = Keeper()
both.held = (left, right)
inner_bytes = size_of(left.held) + size_of(left.held[0])
left_bytes = size_of(left)
both_bytes = size_of(both) + size_of(both.held) + 2 * size_of(left) + inner_bytes
left_id, inner_id = id(left), id(left.held)
del left, right
# A cycle is retained as one by whoever leads to it.
ring = Keeper()
ring.held = [ring, text(3000)]
ring_bytes = size_of(ring) + size_of(ring.held) + size_of(ring.held[1])
buffer = bytearray(1_000_000)  # from 3.15 on its bytes are an object
gc.collect()
gc.disable()
rows = {
    "records": {"address": id(ours.held), "objects": records_objects + 1,
                "retained": records_bytes + size_of(ours.held)},
    "first": first,
    "shared": {"address": id(shared), "objects": 2,
               "retained": size_of(shared) + size_of(shared[1])},
    "nested": {"address": id(nested), "objects": nested_objects, "retained": nested_bytes},
    "left": {"address": left_id, "objects": 1, "retained": left_bytes},
    "inner": {"address": inner_id, "objects": 2, "retained": inner_bytes},
    "both": {"address": id(both), "objects": 6, "retained": both_bytes},
    "buffer": {"address": id(buffer), "objects": 1 + (sys.version_info >= (3, 15)),
               "retained": size_of(buffer)},
    "ring": {"address": id(ring), "objects": 3, "retained": ring_bytes},
}  # fmt: skip
print(json.dumps({"keeper": id(ours), **rows}), flush=True)
sys.stdin.read()
