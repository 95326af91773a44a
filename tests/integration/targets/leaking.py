"""Uses the deliberate bugs of leaky.c, each on objects of a class of its own.

python leaking.py FOLDER_OF_THE_MODULE 8
"""

import json
import sys

sys.path.insert(0, sys.argv[1])
import leaky  # noqa: E402


class Leaked:
    pass


class LeakedButHeld:
    pass


class GivenUp:
    pass


class Kept:
    pass


class PutAway:
    pass


for _ in range(5):
    leaky.leak(Leaked())
# not a constant; bytes are not tracked: no list of the collector has them
leaky.leak(b"lost " * int(sys.argv[2]))
held = [LeakedButHeld()]
leaky.leak(held[0])
given_up = [GivenUp(), GivenUp()]
given_up.append(given_up[0])
leaky.release(given_up[0])
kept = Kept()
leaky.keep(kept)
put_away = PutAway()
leaky.put_away(put_away)
facts = {"held": id(held[0]), "given_up": id(given_up[0]), "kept": id(kept)}
facts["put_away"] = id(put_away)
print(json.dumps(facts), flush=True)
sys.stdin.readline()
