class Node:
    pass


def down(n):
    local = Node()  #: +Node +Node +Node
    if n:
        down(n - 1)
    return n  #: -Node count -Node count -Node count


down(2)
