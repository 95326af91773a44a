class Node:
    pass


def echo():
    got = yield
    while True:
        got = yield got  #: -Node count


e = echo()
next(e)
a = e.send(Node())  #: +Node
del a
e.send(1)
del e
