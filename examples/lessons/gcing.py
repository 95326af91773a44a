"""Garbage collecting.

Reference counting cannot free objects that refer to each other: each keeps the other's count
above zero. That, and only that, is what the cycle collector is for. `python gcing.py` runs this
lesson, and every line may be changed, the comments too, which are what it says.
"""

import gc
import weakref

from memexplorer import Doomed
from memexplorer.lesson import narrate, watch

narrate()

# %% 1. A cycle: two objects that hold each other

gc.disable()  # the collector runs only when we call it ...
gc.collect()  # ... and has nothing left to find

a = Doomed(name="a")
b = Doomed(name="b")
watch(a=id(a), b=id(b))  # each is held by its name
a.hold(b)  # b is held by a, too
b.hold(a)  # and a by b

a = None  # no name for a any more, but b holds it
b = None  # no name for either: nobody can reach them, each count is still 1, both are alive

print("the collector found", gc.collect(), "objects")  # it finalized both

# %% 2. A weak reference: the way back that does not count

a = Doomed(name="a")
b = Doomed(name="b")
watch(a=id(a), b=id(b))
a.hold(b)  # b is held by a, as before
b.hold(weakref.ref(a))  # b knows the way to a, but does not hold it

a = None  # nothing holds a: it is finalized at once, and lets go of b
b = None  # and so is b, without any collector

print("the collector found", gc.collect(), "objects")
