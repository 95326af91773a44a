class Node:
    pass


def outer():
    shared = Node()  #: +Node

    def inner():
        return shared

    return inner


f = outer()
a = f()
del a
f = None  #: -Node count
