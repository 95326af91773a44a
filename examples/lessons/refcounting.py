"""Reference counting.

CPython counts the references to every object and frees the object in the moment that the last one
goes. This lesson shows it, statement by statement: `python refcounting.py` runs it, and every line
may be changed, the comments too, which are what it says.
"""

import gc

from memexplorer import Doomed, memutil
from memexplorer.lesson import narrate, say, watch

narrate()

# %% 1. A string literal: more references than variables

v1 = "spam"  # one variable refers to the string ...
watch(id(v1))  # ... and this is the count of references at its address
v2 = v1  # two variables

if memutil.is_immortal(id(v1)):
    say("""There is nothing to count here. The code of this file keeps the literal among its
    constants, and a literal that looks like a name is interned: all of the program shares one
    object. Since CPython 3.12 such a string is immortal: its count is a mark that never changes,
    however many refer to it, and it is never freed. (Up to 3.11 it was counted, and had more
    references than variables.)""")
else:
    say("""There are more references than variables: the code of this file keeps the literal among
    its constants, to have it each time the line runs (and the parser, when this file is what
    python was started with, until it has run). A literal that looks like a name is also interned:
    all of the program shares one object, and whoever else has it counts here, too. (From CPython
    3.12 on such a string is immortal, and not counted at all.)""")

v1 = v2 = None  # no variable is left, and still it is alive

# %% 2. A list: exactly as many references as variables

v1 = ["spam", "eggs"]  # made anew each time this line runs
watch(id(v1))  # id() gives a number: an address is not a reference
v2 = v1  # a second name for the same list, not a copy
v2 = "something else"  # a name moves on, and its reference goes
v1 = None  # the last reference goes, and the list with it

# %% 3. At once: the object that tells when it goes

v1 = Doomed(name="v1")  # it says where it lives
watch(id(v1))
v2 = v1
v2 = None
v1 = None  # it was finalized inside this statement, before the next one began
print("the next statement")

# %% 4. The collector has no part in it

gc.disable()  # the cycle collector is off: everything below is as it was above

v1 = Doomed(name="v1")  # it says where it lives
watch(id(v1))
v2 = v1
v2 = None
v1 = None  # it was finalized inside this statement, before the next one began
print("the next statement")
