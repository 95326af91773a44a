"""Changes with each line that it is sent, and says what: ids of what it made and freed."""

import gc
import json
import sys

gc.disable()


class Session:
    def __init__(self, user):
        self.user = user


class Request:
    def __init__(self, number):
        self.path = "/request/%d" % number


class Box:
    pass


def text(word, number):
    """A str that nothing else has."""
    return "".join([word, " ", str(number)])


CACHE = {}
LOG = []
SHELF = Box()
OTHER = Box()
SHELF.thing = Session(text("owner", 1))
KEPT = [Session(text("kept", i)) for i in range(50)]
DYING = [Session(text("dying", i)) for i in range(30)]
SHRINKING = list(range(1000, 3000))
REPLACED = [b"one and the same length %04d" % 1]
IN_FLIGHT = []


def ids(objects):
    return [id(thing) for thing in objects]


def first():
    return {"kept": ids(KEPT), "dying": ids(DYING), "thing": id(SHELF.thing)}


def replace_at_the_same_address():
    """Frees the object, and makes others of its size until one is where it was."""
    before = id(REPLACED[0])
    REPLACED.clear()
    others = []
    for number in range(2, 100000):
        made = b"one and the same length %04d" % (number % 10000)
        if id(made) == before:
            REPLACED.append(made)
            break
        others.append(made)
    return before, bool(REPLACED)


def second():
    replaced, was_reused = replace_at_the_same_address()
    for number in range(400):
        CACHE["user:%d" % number] = Session(text("cached", number))
    LOG.extend(text("line", number) for number in range(500))
    DYING.clear()
    del SHRINKING[10:]
    SHRINKING[:] = SHRINKING[:]
    OTHER.thing = SHELF.__dict__.pop("thing")
    IN_FLIGHT.extend(Request(number) for number in range(300))
    return {
        "cached": ids(CACHE.values()),
        "lines": ids(LOG),
        "requests": ids(IN_FLIGHT),
        "replaced": replaced,
        "was_reused": was_reused,
    }


def third():
    IN_FLIGHT.clear()
    for number in range(400, 600):
        CACHE["user:%d" % number] = Session(text("cached", number))
    LOG.extend(text("line", number) for number in range(500, 900))
    return {"cached": ids(CACHE.values()), "lines": ids(LOG)}


for step in (first, second, third):
    print(json.dumps(step()), flush=True)
    sys.stdin.readline()
sys.stdin.readline()
