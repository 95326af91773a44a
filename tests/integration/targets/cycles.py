"""Cycles of known shapes and numbers, all of them held."""

import gc
import sys


class Node:
    """A tree whose leaves know their parent."""

    def __init__(self, parent=None):
        self.parent = parent
        self.children = []


class Link:
    __slots__ = ("next", "previous")


class Ring:
    __slots__ = ("next",)


class Itself:
    def __init__(self):
        self.me = self


class Member:
    def __init__(self, group):
        self.group = group
        group.append(self)


class Grouped:
    def __init__(self, number):
        self.peers = {self, number}


def pair():
    parent = Node()
    parent.children.append(Node(parent))
    return parent


def linked(count):
    first = last = Link()
    for _ in range(count - 1):
        link = Link()
        last.next, link.previous = link, last
        last = link
    return first


def ring(count):
    first = last = Ring()
    for _ in range(count - 1):
        last.next = Ring()
        last = last.next
    last.next = first
    return first


def closures():
    def recursive():
        return recursive

    return recursive


def generators():
    box = []

    def waiting(holder):
        yield holder

    generator = waiting(box)
    next(generator)
    box.append(generator)
    return box


def dropping(error):
    try:
        raise error
    except ValueError as caught:
        kept = caught
    return kept


held = [
    [pair() for _ in range(10_000)],
    linked(30_000),
    [ring(1_000), ring(7)],
    [Itself() for _ in range(300)],
    [Member([]) for _ in range(5)],
    [Grouped(number) for number in range(40)],
    [closures() for _ in range(20)],
    [generators() for _ in range(10)],
    [dropping(ValueError(number)) for number in range(15)],
]
common = []
members = [Member(common) for _ in range(50_000)]  # one list of them all, and they all know it
not_a_cycle = [[[number]] for number in range(1000)]


class Registry:
    """Through the class and the module it would be a cycle: these live on anyway."""

    instance = None


Registry.instance = Registry()
gc.disable()
print("ready", flush=True)
sys.stdin.read()
