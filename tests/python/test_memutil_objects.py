"""memutil about objects of this process: watch, referrers, why, retained, free, garbage."""

import gc
import sys
import threading

import pytest
from memexplorer import memutil

BY_COUNT = "reference count reached zero"
BY_COLLECTOR = "cycle collector"
# The first 3.13 do not tell PyRefTracer of what the interpreter's loop lets go of.
HEARS_ALL = sys.version_info >= (3, 13, 4)


class Thing:
    pass


class Slots:
    __slots__ = ("value",)


class Returns:
    kept = None

    def __del__(self):
        Returns.kept = self


# ---- watch --------------------------------------------------------------------------------------


def test_a_watch_holds_no_reference():
    thing = Thing()
    before = sys.getrefcount(thing)
    watched = memutil.watch(thing)
    after = sys.getrefcount(thing)
    assert (before, after) == (after, before)
    assert watched.alive is True
    assert watched.died_by is None
    one = watched.refs
    other = thing
    two = watched.refs
    assert (one, two) == (1, 2)
    del other
    assert watched.address == id(thing)


def test_it_says_that_the_count_reached_zero():
    thing = Thing()
    watched = memutil.watch(thing)
    del thing
    assert (watched.alive, watched.refs, watched.died_by) == (False, 0, BY_COUNT)
    assert "dead" in repr(watched)


def test_it_says_that_the_collector_came():
    thing = Thing()
    thing.me = thing
    watched = memutil.watch(thing)
    del thing
    assert watched.alive is True
    gc.collect()
    assert (watched.alive, watched.refs, watched.died_by) == (False, 0, BY_COLLECTOR)


def test_what_hangs_on_a_cycle_is_the_collectors_too():
    head = Thing()
    head.me = head
    head.tail = Thing()
    watched = memutil.watch(head.tail)
    del head
    gc.collect()
    assert watched.died_by == BY_COLLECTOR


def test_what_is_freed_while_the_collector_runs_is_not_the_collectors():
    thing = Thing()
    watched = memutil.watch(thing)
    box = [thing]
    del thing

    def let_go(phase, info):
        box.clear()

    gc.callbacks.append(let_go)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(let_go)
    assert watched.died_by == BY_COUNT


def dead_and_replaced():
    """What watched a thing that has died, and things of which the last is where that one was."""
    others = []
    for _ in range(100):
        thing = Thing()
        watched = memutil.watch(thing)
        address = id(thing)
        del thing
        others.clear()
        for _ in range(1000):  # mimalloc gives a freed block again after all others of its page
            others.append(Thing())
            if id(others[-1]) == address:
                return watched, others
    pytest.fail("the allocator never gave the same address again")


def test_another_object_at_the_same_address_does_not_fool_it():
    watched, others = dead_and_replaced()
    assert type(others[-1]) is Thing
    assert watched.alive is False
    assert watched.died_by == BY_COUNT


def test_an_object_that_comes_back_is_alive():
    thing = Returns()
    watched = memutil.watch(thing)
    del thing
    assert watched.alive is True
    Returns.kept = None
    assert (watched.alive, watched.died_by) == (False, BY_COUNT)


def test_an_object_that_the_collector_brings_back_is_alive():
    thing = Returns()
    thing.me = thing
    watched = memutil.watch(thing)
    del thing
    gc.collect()
    assert watched.alive is True
    assert watched.died_by is None
    Returns.kept.me = None
    Returns.kept = None
    assert (watched.alive, watched.died_by) == (False, BY_COUNT)


@pytest.mark.parametrize("make", [list, dict, Slots, lambda: (Thing(), 1), lambda: bytes(99)])
def test_without_weak_references_it_knows_or_says_that_it_does_not(make):
    thing = make()
    watched = memutil.watch(thing)
    if HEARS_ALL:
        assert (watched.alive, watched.refs, watched.died_by) == (True, 1, None)
    else:
        assert watched.alive in (True, None)
    del thing
    other = make()  # may be at the same address
    if HEARS_ALL:
        assert (watched.alive, watched.refs, watched.died_by) == (False, 0, BY_COUNT)
    else:
        assert watched.alive in (False, None)
        assert watched.died_by in ("not known", None)
    del other


def test_a_list_in_a_cycle_is_the_collectors():
    thing = []
    thing.append(thing)
    watched = memutil.watch(thing)
    del thing
    gc.collect()
    if HEARS_ALL:
        assert watched.died_by == BY_COLLECTOR
    assert watched.alive in (False, None)


def test_many_watches_come_and_go():
    things = [[] for _ in range(300)]
    watches = [memutil.watch(thing) for thing in things]
    del things[::2]
    if HEARS_ALL:
        assert [watched.alive for watched in watches] == [False, True] * 150
    del watches, things
    gc.collect()
    assert not [
        hook for hook in gc.callbacks if getattr(hook, "__name__", "") == "watch_collection"
    ]


def test_immortal_objects_never_die():
    if sys.version_info >= (3, 12):
        assert memutil.watch(None).alive is True
        assert memutil.watch(None).refs == memutil.IMMORTAL


def test_a_death_in_another_thread_is_heard():
    box = [Thing(), []]
    watches = [memutil.watch(thing) for thing in box]
    thread = threading.Thread(target=box.clear)
    thread.start()
    thread.join()
    assert (watches[0].alive, watches[0].died_by) == (False, BY_COUNT)
    if HEARS_ALL:
        assert watches[1].alive is False


# ---- questions ----------------------------------------------------------------------------------


def labels(referrers):
    return sorted(referrer.label for referrer in referrers)


def test_referrers_are_the_callers_and_not_the_calls():
    thing = Thing()
    before = sys.getrefcount(thing)
    holder = {"key": thing}
    assert labels(memutil.referrers(thing)) == ["['key']", "local thing"]
    del holder
    after = sys.getrefcount(thing)
    assert after == before
    assert labels(memutil.referrers(thing=thing)) == ["local thing"]


def test_why_ends_at_the_callers_variable():
    thing = Thing()
    chains = memutil.why(thing).chains
    assert len(chains) == 1
    assert chains[0].text.endswith("-> local thing")
    assert "test_why_ends_at_the_callers_variable" in chains[0].text


def test_free_frees_what_only_the_caller_holds():
    thing = Thing()
    thing.part = ["a part"]
    answer = memutil.free(thing)
    assert answer.fate == "freed"
    assert labels(answer.references) == ["local thing"]
    assert len(answer.freed) >= 2
    holder = memutil.free(thing, ".part")
    assert [gone.type for gone in holder.freed][0] == "builtins.list"


def test_retained_is_what_would_be_freed():
    thing = Thing()
    thing.part = ["x" * 1000 + str(sys.version_info)]
    answer = memutil.retained(thing)
    assert answer.address == hex(id(thing))
    assert answer.retained >= 1000 + sys.getsizeof(thing)


@pytest.mark.parametrize("ask", [memutil.referrers, memutil.why, memutil.retained, memutil.free])
def test_what_only_the_call_holds_is_a_lookup_error(ask):
    with pytest.raises(LookupError, match="nothing but this call"):
        ask(Thing())
    with pytest.raises(LookupError, match="nothing but this call"):
        ask(Slots())


def test_garbage_is_what_the_collector_would_find():
    gc.collect()
    gc.disable()
    try:
        thing = Thing()
        thing.me = thing
        address = hex(id(thing))
        del thing
        found = [a for group in memutil.garbage().groups for a in group.addresses]
        assert address in found
    finally:
        gc.enable()
        gc.collect()


def test_wrong_arguments_are_type_errors():
    for ask in (memutil.referrers, memutil.why, memutil.retained, memutil.free, memutil.watch):
        with pytest.raises(TypeError):
            ask()
    with pytest.raises(TypeError):
        memutil.why(sys, paths="five")
