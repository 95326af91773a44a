"""Uses the deliberate bugs of leaky.c, each on objects of a class of its own.

python -m leaking FOLDER_OF_THE_MODULE 8
"""

import gc
import json
import sys
import threading

sys.path.insert(0, sys.argv[1])
import leaky  # noqa: E402

NAMES = (
    "Leaked LeakedButHeld GivenUp Kept KeptInLocal KeptInTable PutAway PutDeeper PutOutOfSight "
    "Lost LostSmall Forgotten InList InSight Wrapped"
)
for name in NAMES.split():
    globals()[name] = type(name, (), {})
gc.disable()  # a debug build's collector does not survive a count that is too low
many = int(sys.argv[2])  # not a constant

held, wrapped = {}, []


def use_bugs():
    for _ in range(5):
        leaky.leak(Leaked())  # noqa: F821
    # Bytes are not tracked: no list of the collector has them. In a pool, and in malloc's memory.
    leaky.leak(b"lost " * many)
    leaky.leak(bytearray(b"lost " * many))
    leaky.leak(b"large " * 1000 * many)
    for name, function in {
        "LeakedButHeld": leaky.leak,
        "GivenUp": leaky.release,
        "Kept": leaky.keep,
        "KeptInLocal": leaky.keep_in_local,
        "KeptInTable": leaky.keep_in_table,
        "PutAway": leaky.put_away,
        "PutDeeper": leaky.put_deeper,
        "PutOutOfSight": leaky.put_out_of_sight,
        "Lost": leaky.lose,
        "LostSmall": leaky.lose_small,
        "Forgotten": leaky.forget,
    }.items():
        # Twice in the list: one reference may be given up too often.
        held[name] = [globals()[name]()] * 2
        function(held[name][0])
    held["Wrapped"] = [Wrapped()]  # noqa: F821
    wrapped.append(leaky.wrap(held["Wrapped"][0]))


# In a thread that has ended: its C stack, and what was left behind on it, is gone.
thread = threading.Thread(target=use_bugs)
thread.start()
thread.join()
held["InSight"] = [InSight()]  # noqa: F821


def wait():
    facts = {name: id(objects[0]) for name, objects in held.items()}
    print(json.dumps(facts), flush=True)
    sys.stdin.readline()


leaky.leak_in_sight(held["InSight"], wait)
