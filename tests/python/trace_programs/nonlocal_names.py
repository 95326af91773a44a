class Node:
    pass


def outer():
    shared = Node()  #: +Node

    def change():
        nonlocal shared
        shared = 1  #: -Node count

    change()
    return shared


outer()
