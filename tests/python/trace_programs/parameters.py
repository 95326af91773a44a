class Node:
    pass


def take(node, *rest, **named):
    del node  #: (3.11+) -Node count
    rest = None  #: (3.11+) -Node count
    return named.popitem()[0]  #: (3.11+) -Node count


take(Node(), Node(), x=Node())  #: +Node +Node +Node (-3.10) -Node count -Node count -Node count
