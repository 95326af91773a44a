"""Builds a heap of about N objects, says "ready", and stands still: a target for measuring.

    python heap.py N

The mix is that of an ordinary program: instances with a dict and with slots, dicts, lists, tuples,
sets, strings, ints and floats, all reachable from one list. Then it obeys one word a line on
standard input, and answers each with one line of JSON:

    objgraph    objgraph.most_common_types() on itself: seconds, and by how much its peak grew
    pympler     pympler.summary over muppy.get_objects(), likewise
    guppy       guppy.hpy().heap(), likewise
    wake        calls a function, and does not answer
    change      drops one record in fifty, adds as many and half as many again, and lets others grow

It ends with its input.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any, Callable

OBJECTS_PER_RECORD = 20  # that record() makes, counted by hand; see its comments


class Customer:
    def __init__(self, name: str, age: int) -> None:
        self.name = name
        self.age = age
        self.orders: list[Order] = []
        self.address: dict[str, str] = {}


class Order:
    __slots__ = ("number", "customer", "items", "total")

    def __init__(self, number: int, customer: Customer, items: tuple, total: float) -> None:
        self.number = number
        self.customer = customer
        self.items = items
        self.total = total


def record(number: int) -> Customer:
    """A customer and all that is theirs; small ints, type names and keys are shared by all."""
    customer = Customer(f"customer {number}", 1000 + number)  # instance, list, dict, str, int
    customer.address["street"] = f"{number} Main Street"  # str
    customer.address["city"] = f"city {number % 1000} of {number}"  # str
    for k in range(2):  # twice: order, int, float, tuple, 2 str
        items = (f"item {number}.{k}", f"spare part {number}.{k}", k)
        customer.orders.append(Order(100000 + 2 * number + k, customer, items, number * 1.5))
    customer.address["tags"] = {number % 7}  # type: ignore[assignment]  # set
    return customer


def build(count: int) -> list[Customer]:
    return [record(number) for number in range(count // OBJECTS_PER_RECORD)]


def peak_kilobytes() -> int:
    """Peak resident memory since it was last reset."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def objgraph_types() -> Any:
    return sys.modules["objgraph"].most_common_types(limit=20)


def pympler_summary() -> Any:
    return sys.modules["pympler.summary"].summarize(sys.modules["pympler.muppy"].get_objects())


def guppy_heap() -> Any:
    return sys.modules["guppy"].hpy().heap()


TOOLS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "objgraph": (objgraph_types, ["objgraph"]),
    "pympler": (pympler_summary, ["pympler.muppy", "pympler.summary"]),
    "guppy": (guppy_heap, ["guppy"]),
}


def measure(name: str) -> dict[str, Any]:
    """Runs the tool in this process; importing it is not measured."""
    tool, modules = TOOLS[name]
    for module in modules:
        importlib.import_module(module)
    reset_peak()
    before, began = peak_kilobytes(), time.perf_counter()
    answer = tool()
    seconds = time.perf_counter() - began
    grew_bytes = (peak_kilobytes() - before) * 1024
    return {"tool": name, "seconds": seconds, "grew_bytes": grew_bytes, "types": len(answer)}


def change(heap: list[Customer]) -> dict[str, int]:
    """What `memexplorer diff` is measured on: a fiftieth goes, more comes, a hundredth grows."""
    count = len(heap)
    for number in range(0, count, 50):
        heap[number] = record(count + number)
    heap.extend(record(2 * count + number) for number in range(count // 100))
    for number in range(1, count, 100):
        heap[number].orders.extend(heap[number - 1].orders)
    return {"records": len(heap)}


def main() -> None:
    heap = build(int(sys.argv[1]))
    print(json.dumps({"ready": True, "pid": os.getpid(), "records": len(heap)}), flush=True)
    for line in sys.stdin:
        word = line.strip()
        if word == "wake":
            max([word], key=lambda it: it)  # a call of C code into Python, which debuggers wait for
            continue
        answer = change(heap) if word == "change" else measure(word)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
