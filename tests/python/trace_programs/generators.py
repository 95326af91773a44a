class Node:
    pass


def numbers():
    local = Node()  #: +Node
    yield 1
    local = None  #: -Node count
    other = Node()  #: +Node
    yield 2
    return 3  #: -Node count


for n in numbers():
    pass
