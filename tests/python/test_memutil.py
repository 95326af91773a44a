"""memutil: true counts, nothing touched, and an answer to any integer whatever.

Counts are read into a name before they are asserted on: pytest's assert keeps what it has
evaluated, and that would be counted.
"""

import collections
import ctypes
import decimal
import fractions
import gc
import os
import random
import sys
import threading

import pytest
from memexplorer import memutil

IMMORTALS = sys.version_info >= (3, 12)


class Instance:
    def __init__(self):
        self.value = [1]


class Slots:
    __slots__ = ("a", "b")


class ListOfMine(list):
    pass


# ---- counts -------------------------------------------------------------------------------------


def test_refs_is_the_number_of_references():
    v1 = ["a", "list"]
    address = id(v1)
    one = memutil.refs(address)
    v2 = v1
    two = memutil.refs(address)
    holder = {"key": v1, "other": [v1, v1]}
    five = memutil.refs(address)
    del holder, v2
    back = memutil.refs(address)
    assert (one, two, five, back) == (1, 2, 5, 1)


# From 3.14 on a variable is lent to a call without being counted.
OF_THE_CALL = 1 if sys.version_info < (3, 14) else 0


def test_refs_is_getrefcount_without_its_argument():
    n = len("999")  # made as it runs: free-threaded builds make constants of code immortal
    for thing in ([], {}, Instance(), object(), {1}, 2.5 * n, n**40, str(n**9), b"x" * n * 99):
        assert memutil.refs(id(thing)) == sys.getrefcount(thing) - OF_THE_CALL


def test_asking_changes_no_count():
    thing = Instance()
    address = id(thing)
    before = sys.getrefcount(thing)
    for _ in range(1000):
        memutil.refs(address)
        memutil.is_alive(address)
        memutil.is_immortal(address)
        memutil.type_name(address)
        memutil.info(address)
    assert sys.getrefcount(thing) == before
    infos = [memutil.info(address) for _ in range(100)]
    assert sys.getrefcount(thing) == before
    assert len(set(infos)) == 1


def test_asking_does_not_touch_the_type_either():
    thing = Instance()
    before = memutil.refs(id(Instance))
    infos = [memutil.info(id(thing)) for _ in range(100)]
    after = memutil.refs(id(Instance))
    assert before == after
    assert len(infos) == 100


def test_a_referrer_more_or_less_is_one_more_or_less():
    target = object()
    address = id(target)
    holders = []
    for expected in range(1, 500):
        found = memutil.refs(address)
        assert found == expected
        holders.append(target)
    while holders:
        holders.pop()
    found = memutil.refs(address)
    assert found == 1


# ---- immortal -----------------------------------------------------------------------------------


def test_immortal_prints_as_what_it_is_and_is_an_int_above_every_count():
    assert isinstance(memutil.IMMORTAL, int)
    assert (str(memutil.IMMORTAL), repr(memutil.IMMORTAL)) == ("immortal", "immortal")
    assert f"{memutil.IMMORTAL}" == "immortal"
    assert memutil.IMMORTAL > 2**40


@pytest.mark.parametrize("thing", [None, True, (), 5, "spam", int, type], ids=repr)
def test_immortal_objects_from_312_on(thing):
    address = id(thing)
    assert memutil.is_alive(address)
    assert memutil.is_immortal(address) == IMMORTALS
    assert memutil.info(address).immortal == IMMORTALS
    if IMMORTALS:
        assert memutil.refs(address) is memutil.IMMORTAL
        assert memutil.info(address).refcount is None
    else:
        assert 0 < memutil.refs(address) < memutil.IMMORTAL
        assert memutil.info(address).refcount > 0


# ---- facts --------------------------------------------------------------------------------------


def test_info_of_a_list():
    thing = [1, 2, 3]
    address = id(thing)
    info = memutil.info(address)
    assert info == (
        address,
        True,
        False,
        1,
        "builtins.list",
        sys.getsizeof(thing),
        True,
        "[1, 2, 3]",
    )


def test_info_of_an_instance():
    thing = Instance()
    info = memutil.info(id(thing))
    assert info.alive
    assert info.type == f"{__name__}.Instance"
    assert info.size == sys.getsizeof(thing)
    assert info.tracked
    assert info.refcount == 1


def test_tracked_is_what_the_collector_says():
    things = [[], {}, (1, 2), Instance(), "text", 3.5, 10**30, {"a": []}, Slots(), ListOfMine()]
    for thing in things:
        assert memutil.info(id(thing)).tracked == gc.is_tracked(thing)


def test_sizes_and_types_are_what_python_says():
    things = [
        [], [1] * 100, ListOfMine([1, 2]), {}, {1: 2}, {str(n): n for n in range(1000)}, set(),
        set(range(100)), frozenset("abc"), (), (1, 2, 3), "", "ascii", "ü" * 9, "☃" * 9,
        "\U0001f40d", b"", b"bytes", bytearray(100), 0, -1, 2**29, 2**30, 2**31, -(2**100), 1.5, 2j,
        True, None, ..., range(9), slice(1), Instance(), Slots(), object(), iter([]), len, print,
        Instance.__init__, Instance().__init__, Instance, int, type, sys, collections.deque("abc"),
        collections.OrderedDict(a=1), collections.Counter("aa"), decimal.Decimal("1.5"),
        fractions.Fraction(1, 3), threading.Lock(), (n for n in ""), lambda: 0, ValueError("x"),
    ]  # fmt: skip
    for thing in things:
        info = memutil.info(id(thing))
        kind = type(thing)
        assert info.alive
        assert info.type == f"{kind.__module__}.{kind.__qualname__}", thing
        assert info.size == sys.getsizeof(thing), thing
        assert memutil.type_name(id(thing)) == info.type


def test_info_says_so_where_nothing_lives():
    for address in (0, -1, 2**64, 8, 2**63):
        assert memutil.info(address) == (address, False, False, None, "", 0, False, "")
        assert memutil.type_name(address) == ""


# ---- no integer whatever crashes ----------------------------------------------------------------


def answer(address):
    """All of them answer, and agree."""
    info = memutil.info(address)
    assert memutil.is_alive(address) == info.alive == (memutil.refs(address) != 0)
    assert info.alive or info == (address, False, False, None, "", 0, False, "")
    return info


def test_numbers_that_are_no_addresses():
    for number in (-1, -(2**63), -(2**64), 2**64, 2**64 + 1, 2**200, -(2**200), 0, 1, 2, 3, True):
        assert not answer(number).alive


def test_random_64_bit_numbers():
    generator = random.Random(20240229)
    for _ in range(20_000):
        address = generator.getrandbits(64)
        assert memutil.refs(address) == 0
    for bits in range(64):
        for near in (-1, 0, 1):
            answer(2**bits + near)


def test_random_numbers_within_what_is_mapped():
    """Any bytes of this process taken for an object: an answer, mostly no."""
    generator = random.Random(8)
    with open("/proc/self/maps") as maps:
        ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
    for start, end in ranges:
        for address in (start - 1, start, start + 8, end - 8, end - 1, end, end + 8):
            answer(address)
        for _ in range(15):
            answer(generator.randrange(start, end))
            answer(generator.randrange(start, end) & ~15)


def test_addresses_around_live_objects():
    things = [[1], {"a": 1}, Instance(), "text", b"bytes", 1.5, 10**30, (1, 2), len, Instance, sys]
    for thing in things:
        address = id(thing)
        assert memutil.is_alive(address)
        for offset in range(-64, 65):
            if offset % 8:
                assert not answer(address + offset).alive
            else:
                answer(address + offset)


def test_bytes_that_look_like_an_object_are_none():
    """A forged header: a count of one and a true type, in memory that is no object's start."""
    forged = (ctypes.c_size_t * 64)(*([1, id(list)] * 32))
    for address in range(ctypes.addressof(forged), ctypes.addressof(forged) + 512, 8):
        answer(address)
    within = bytes(forged)
    payload = id(within) + sys.getsizeof(b"") - 1
    for address in range(payload, payload + 512 - 16):
        assert not answer(address).alive


def test_unmapped_pages():
    import mmap

    pages = mmap.mmap(-1, 16 * mmap.PAGESIZE)
    exported = ctypes.c_char.from_buffer(pages)
    start = ctypes.addressof(exported)
    del exported
    pages.close()
    for address in range(start, start + 16 * mmap.PAGESIZE, 1024):
        answer(address)


@pytest.mark.parametrize(
    "function",
    [memutil.info, memutil.is_alive, memutil.is_immortal, memutil.refs, memutil.type_name],
    ids=lambda f: f.__name__,
)
def test_other_types_raise_type_error(function):
    for thing in (None, 1.0, "7", b"7", [], {}, object(), 1j, int, decimal.Decimal(7)):
        with pytest.raises(TypeError):
            function(thing)
    with pytest.raises(TypeError):
        function()


def test_anything_with_index_is_an_integer():
    class Address:
        def __init__(self, value):
            self.value = value

        def __index__(self):
            return self.value

    class Broken:
        def __index__(self):
            raise KeyError("mine")

    thing = []
    assert memutil.refs(Address(id(thing))) == 1
    assert memutil.refs(Address(-5)) == 0
    with pytest.raises(KeyError):
        memutil.refs(Broken())


# ---- freed --------------------------------------------------------------------------------------

MAKERS = {
    "list": lambda n: [n],
    "long list": lambda n: list(range(n % 1000 + 1)),
    "tuple": lambda n: (n, n),
    "long tuple": lambda n: tuple(range(n % 1000 + 30)),
    "dict": lambda n: {n: n},
    "set": lambda n: {n},
    "instance": lambda n: Instance(),
    "slots": lambda n: Slots(),
    "object": lambda n: object(),
    "float": lambda n: n + 0.25,
    "int": lambda n: n + 2**70,
    "long int": lambda n: 1 << (n + 5000),
    "str": lambda n: "s" * (n % 400 + 2) + str(n),
    "long str": lambda n: "s" * (n + 600),
    "bytes": lambda n: b"b" * (n % 400 + 2),
    "long bytes": lambda n: b"b" * (n + 600),
    "megabytes": lambda n: bytes(2**20 + n),
    "bytearray": lambda n: bytearray(n),
    "deque": lambda n: collections.deque([n]),
    "function": lambda n: lambda: n,
    "exception": lambda n: ValueError(n),
    "class": lambda n: type("Made", (), {}),
    "generator": lambda n: (m for m in range(n)),
    "decimal": lambda n: decimal.Decimal(n),
    "bound method": lambda n: Instance().__init__,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_freed_addresses_have_no_references(make):
    """Many are made, all are alive; all are freed, none is.

    What was freed last may be taken up at once by what the test itself creates, so the answers
    go to where there is room for them already, and a few may be wrong about who lives there.
    """
    number = 30 if make in (MAKERS["megabytes"], MAKERS["class"]) else 500
    things = [make(n) for n in range(number)]
    addresses = [id(thing) for thing in things]
    counts = [0] * number
    for n in range(number):
        counts[n] = memutil.refs(addresses[n])
    assert set(counts) == {1} or make is MAKERS["class"]
    del things
    gc.collect()
    for n in range(number):
        counts[n] = memutil.refs(addresses[n])
    revived = sum(count != 0 for count in counts)
    assert revived <= max(1, number // 100)


def test_one_freed_object_is_dead_at_once():
    for make in MAKERS.values():
        thing = make(7)
        address = id(thing)
        thing = None
        if make is MAKERS["class"]:
            gc.collect()
        count = memutil.refs(address)
        assert count == 0 or make in (MAKERS["int"], MAKERS["float"])


def test_freed_and_reused_addresses_under_threads():
    """Objects come and go in other threads while this one asks."""
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            things = [[n, {n: str(n)}, bytes(n)] for n in range(700)]
            things.reverse()

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        probes = [id([n, str(n) * 9]) for n in range(500)]
        kept = [[n] for n in range(500)]
        for _ in range(5):
            for address in probes:
                memutil.info(address)
            for thing in kept:
                count = memutil.refs(id(thing))
                assert count == 2  # kept and the loop's name
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# ---- processes ----------------------------------------------------------------------------------


def test_after_a_fork_the_child_sees_itself():
    thing = []
    address = id(thing)
    memutil.refs(address)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            holder = [thing, thing]
            status = 0 if memutil.refs(address) == 3 and holder else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    count = memutil.refs(address)
    assert (status, count) == (0, 1)
