class Node:
    pass


def make():
    local = Node()  #: +Node +Node
    other = Node()  #: +Node +Node
    return other  #: -Node count -Node count


kept = make()
make()  #: -Node count
kept = None  #: -Node count
