class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


class Empty:
    __slots__ = ()


p = Point(Empty(), Empty())  #: +Point +Empty +Empty
p.x = None  #: -Empty count
del p.y  #: -Empty count
p.y = Empty()  #: +Empty
p = None  #: -Empty count -Point count
