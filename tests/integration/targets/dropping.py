"""References of many kinds, each of which is dropped when its name is read from standard input.

Prints {"scenarios": {name: [address of the owner, label]}, "names": {id: name}} when all are there.
After a name on its standard input it drops that reference, the collector disabled, and prints what
ran in which order and which of the collector's objects died; then it collects, and prints the same
of that. Nothing that is logged may be an object of the collector's: it would take the place of one
that died.
"""

import collections
import functools
import gc
import json
import sys
import weakref

try:
    import ctypes
except ImportError:
    ctypes = None

log = []
names = {}
scenarios = {}
kept = []


class Holder:
    pass


class Plain:
    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)

    def method(self):
        return self


class Logged(Plain):
    def __init__(self, name, **attributes):
        self.name = name
        names[id(self)] = name
        Plain.__init__(self, **attributes)

    def call(self, reference):
        pass

    def __del__(self):
        log.append(self.name)


class Resurrected(Logged):
    def __del__(self):
        log.append(self.name)
        kept.append(self)


class Callback:
    """A callback that says when it goes itself."""

    def __init__(self, name):
        self.name = name

    def __call__(self, reference):
        log.append(self.name)


class Slots:
    __slots__ = ("second", "first", "__weakref__")


class MoreSlots(Slots):
    __slots__ = ("third", "another")


class SlotsAndDict(MoreSlots):
    pass


class NoCollector:
    """Without references: none of the collector's."""

    __slots__ = ()

    def __del__(self):
        log.append("no collector")


class ListOf(list):
    pass


class SlottedList(list):
    __slots__ = ("more",)


class DictOf(dict):
    pass


class TupleOf(tuple):
    pass


class SetOf(set):
    pass


class Error(Exception):
    pass


def watch(thing, name):
    reference = weakref.ref(thing, Callback(name))
    names[id(reference)] = name
    return reference


def let_go(owner):
    # In its place comes one of the collector's: it stops to look at dicts and tuples without any.
    owner.it = log


def scenario(make):
    """owner.it is what it makes, and is dropped."""
    owner = Holder()
    owner.it = make()
    scenarios[make.__name__] = (owner, ".it", let_go)
    return make


def special(name, owner, label, action):
    scenarios[name] = (owner, label, action)


def logged(prefix, count=4):
    return [Logged("%s %d" % (prefix, number)) for number in range(count)]


# ---- containers -------------------------------------------------------------------------------


@scenario
def list_of_instances():
    return logged("list")


@scenario
def tuple_of_instances():
    return tuple(logged("tuple")) + (1, "text", b"bytes" * 20)


@scenario
def nested_dicts():
    inner = {"deeper": {"deepest": Logged("deepest")}, "beside": Logged("beside")}
    return {"first": Logged("first"), "inner": inner, "last": [Logged("last"), 1.5]}


@scenario
def keys_and_values():
    return dict(zip(logged("key"), logged("value")))


@scenario
def set_of_instances():
    return set(logged("member", 7))


@scenario
def frozenset_of_instances():
    return frozenset(logged("frozen member", 5))


@scenario
def deque_of_instances():
    deque = collections.deque(logged("deque", 70))
    deque.rotate(5)
    return deque


@scenario
def ordered_dict():
    ordered = collections.OrderedDict((str(i), each) for i, each in enumerate(logged("ordered")))
    ordered.move_to_end("1")
    return ordered


@scenario
def default_dict():
    default = collections.defaultdict(Logged("factory").method)
    default["a"] = Logged("of the default dict")
    return default


@scenario
def subclasses():
    items = ListOf(logged("list of"))
    items.attribute = Logged("attribute of the list")
    table = DictOf(zip("abc", logged("dict of", 3)))
    table.attribute = Logged("attribute of the dict")
    pair = TupleOf(logged("tuple of", 2))
    pair.attribute = Logged("attribute of the tuple")
    members = SetOf(logged("set of", 3))
    members.attribute = Logged("attribute of the set")
    slotted = SlottedList(logged("slotted list", 2))
    slotted.more = Logged("slot of the list")
    return [items, table, pair, members, slotted]


@scenario
def deep():
    inner = [Logged("at the bottom")]
    for _ in range(300):
        inner = [inner]
    return inner


# ---- instances --------------------------------------------------------------------------------


@scenario
def attributes():
    return Logged("whole", b=Logged("b"), a=Logged("a", inner=Logged("of a")), c=[Logged("c")])


@scenario
def attributes_in_a_dict():
    thing = Logged("with a dict", b=Logged("b in it"), a=Logged("a in it"))
    vars(thing)["more"] = Logged("more in it")
    return thing


@scenario
def slots():
    thing = SlotsAndDict()
    thing.first, thing.second = Logged("slot first"), Logged("slot second")
    thing.third, thing.another = Logged("slot third"), Logged("slot another")
    thing.attribute = Logged("beside slots")
    return thing


@scenario
def no_collector():
    return NoCollector()


@scenario
def bound_method():
    return Logged("of a method").method


@scenario
def shared():
    child = Logged("shared")
    kept.append(child)
    return [Logged("before"), child, [child], Logged("behind")]


@scenario
def shared_below():
    child = Logged("shared below")
    return [Logged("one", child=child), Logged("two", child=child)]


@scenario
def another_reference():
    thing = Logged("still held", child=Logged("its child"))
    kept.append([thing])
    return thing


# ---- cycles -----------------------------------------------------------------------------------


@scenario
def cycle():
    one, two = Plain(), Plain()
    one.other, two.other = two, one
    one.list = [[], {"a": [1]}, b"held by a cycle" * 20]
    return one


@scenario
def cycle_with_finalizers():
    one, two = Logged("cycle one"), Logged("cycle two")
    one.other, two.other = two, one
    two.hanging = Logged("hanging on a cycle")
    return Logged("before the cycle", cycle=one)


@scenario
def cycle_below_what_goes():
    circle = []
    circle.append(circle)
    return {"goes": Logged("goes"), "circle": circle}


@scenario
def cycle_that_is_held():
    one, two = Plain(), Plain()
    one.other, two.other = two, one
    kept.append(two)
    return one


@scenario
def class_of_its_own():
    class Local:
        attribute = ["of a class"]

    return Local


@scenario
def instance_of_its_own_class():
    class Local(Logged):
        pass

    return Local("of its own class")


# ---- functions --------------------------------------------------------------------------------


@scenario
def closure():
    one, two = Logged("closed over one"), Logged("closed over two")

    def inner(argument=Logged("default"), *, named=Logged("named default")):  # noqa: B008
        return one, two

    inner.attribute = Logged("of the function")
    return inner


@scenario
def partial():
    return functools.partial(print, Logged("argument"), key=Logged("keyword"))


@scenario
def cached():
    @functools.lru_cache(maxsize=8)
    def results(argument):
        return Logged("result %d" % argument)

    for argument in range(4):
        results(argument)
    return results


@scenario
def suspended_generator():
    def waiting(one, two):
        yield 1
        return one, two

    generator = waiting(Logged("argument one"), Logged("argument two"))
    next(generator)
    return generator


@scenario
def generator_in_a_try():
    def trying(one):
        two = Logged("in the generator")
        try:
            yield two
        finally:
            log.append("finally")
        return one

    generator = trying(Logged("of the generator"))
    names[id(generator)] = "finally"
    next(generator)
    return generator


@scenario
def finished_generator():
    def finishing(one):
        yield one

    generator = finishing(Logged("of what has finished"))
    list(generator)
    return [generator, (each for each in logged("unstarted", 2))]


@scenario
def coroutine():
    class Awaited:
        def __await__(self):
            yield

    async def awaiting(one):
        await Awaited()
        return one

    waiting = awaiting(Logged("of a coroutine"))
    waiting.send(None)
    return waiting


def fail(one):
    two = [Logged("in the frame"), one]
    raise Error(two[0])


@scenario
def exception():
    try:
        fail(Logged("argument of the frame"))
    except Error as error:
        return error


@scenario
def exception_in_a_cycle():
    local = Logged("local")
    try:
        fail(local)
    except Error as error:
        saved = error
    return saved


@scenario
def chained_exceptions():
    try:
        try:
            fail(Logged("of the first"))
        except Error as error:
            raise KeyError(Logged("of the second")) from error
    except KeyError as error:
        error.attribute = Logged("of the exception")
        return error.with_traceback(None)


# ---- weak references --------------------------------------------------------------------------


@scenario
def callbacks():
    thing = Logged("watched", child=Logged("child of the watched"))
    kept.extend([watch(thing, "callback 1"), watch(thing, "callback 2"), weakref.ref(thing)])
    kept.append(watch(thing, "callback 3"))
    kept.append(watch(thing.child, "callback of the child"))
    return thing


@scenario
def callback_that_goes_itself():
    thing = Logged("watched from inside")
    thing.watch = watch(thing, "called")
    other = Logged("watched by what goes before")
    return [other, watch(other, "not called")]


@scenario
def callback_that_is_finalized():
    thing = Plain()
    kept.append(weakref.ref(thing, functools.partial(Logged.call, Logged("finalized callback"))))
    return [Logged("behind the callback"), thing]


@scenario
def callback_for_the_collector():
    one, two = Plain(), Plain()
    one.other, two.other = two, one
    one.inside = watch(one, "inside the cycle")
    kept.append(watch(one, "outside the cycle"))
    return one


@scenario
def proxies():
    thing = Plain(value=Logged("behind a proxy"))
    kept.append(weakref.proxy(thing))
    return thing


# ---- other references than attributes -----------------------------------------------------------


def others():
    special("a key", {"key": logged("under a key"), "other": 1}, "['key']",
            lambda owner: owner.__setitem__("key", log))  # fmt: skip
    special("a number", {1: logged("under a number", 2)}, "[1]",
            lambda owner: owner.__setitem__(1, log))  # fmt: skip
    special("an item", [0, logged("at an item", 2)], "[1]",
            lambda owner: owner.__setitem__(1, log))  # fmt: skip
    slotted = SlotsAndDict()
    slotted.first = logged("in a slot", 2)
    special("a slot", slotted, ".first", lambda owner: setattr(owner, "first", log))
    member = Logged("a member")
    special("a member", {member}, "{%#x}" % id(member), set.clear)
    with_dict = Plain(attribute=logged("in a real dict", 2))
    vars(with_dict)["other"] = 1
    special("a real dict", with_dict, ".attribute",
            lambda owner: setattr(owner, "attribute", log))  # fmt: skip
    everywhere = Logged("everywhere", itself=[])
    everywhere.itself.append(everywhere)
    owners = [everywhere, Plain(one=everywhere), {"one": everywhere}]
    kept.append(owners)

    def everywhere_dropped(_):
        owners[0].itself.clear()
        owners[0] = owners[1].one = owners[2]["one"] = log

    scenarios["everywhere"] = (everywhere_dropped, None, everywhere_dropped)
    addresses["everywhere"] = id(everywhere)
    again = Resurrected("resurrected once")
    del again
    again = kept.pop()
    log.clear()
    owner = Holder()
    owner.it = again
    special("finalized before", owner, ".it", let_go)
    owner = Holder()
    owner.it = Resurrected("resurrected", child=Logged("child of the resurrected"))
    special("resurrection", owner, ".it", let_go)
    if ctypes:
        owner = Holder()
        owner.it = Logged("held by C code", child=Logged("child of what C code holds"))
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner.it))
        special("held by C code", owner, ".it", let_go)
    owner = Holder()
    owner.it = logged("by an iterator", 3)
    kept.append(iter(owner.it))
    special("held by an iterator", owner, ".it", let_go)


addresses = {}


def ids():
    return set(map(id, gc.get_objects()))


def drop(name):
    owner, _, action = scenarios[name]
    gc.collect()  # what reading a line has left
    before = ids()
    action(owner)
    after = ids()
    dropped = {"log": list(log), "dead": sorted(before - after)}
    log.clear()
    before_collecting = ids()
    gc.collect()
    after_collecting = ids()
    collected = {"log": list(log), "dead": sorted(before_collecting - after_collecting)}
    log.clear()
    return {"dropped": dropped, "collected": collected}


def say(what):
    print(json.dumps(what), flush=True)


def main():
    others()
    special("to begin with", Holder(), ".it", let_go)
    drop("to begin with")
    del scenarios["to begin with"]
    for _ in range(4):  # each stops to look at tuples of what the one before stopped to look at
        gc.collect()
    gc.disable()
    places = {
        name: [addresses.get(name, id(owner)), label]
        for name, (owner, label, _) in scenarios.items()
    }
    say({"scenarios": places, "names": names})
    for line in iter(sys.stdin.readline, ""):
        say(drop(line.strip()))


main()
