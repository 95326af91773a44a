class Node:
    pass


def numbers():
    local = Node()  #: +Node +Node
    yield 1
    yield 2


g = numbers()
next(g)
g = None  #: -Node count
h = numbers()
next(h)
h.close()  #: -Node count
