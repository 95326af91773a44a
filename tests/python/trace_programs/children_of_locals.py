class Node:
    pass


def make():
    local = Node()  #: +Node
    local.child = Node()  #: +Node
    local.child.child = [Node()]  #: +Node
    return 1  #: -Node count -Node count -Node count


x = make()
