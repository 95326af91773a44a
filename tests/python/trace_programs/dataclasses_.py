from collections import namedtuple
from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: object = None


Pair = namedtuple("Pair", "a b")
p = Point(1, Point(2))  #: +Point +Point
q = Pair(p, 2)  #: +Pair
del p
q = None  #: -Point count -Point count -Pair count
