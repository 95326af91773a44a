import weakref


class Node:
    pass


def gone(ref):
    kept.clear()  #: -Node count


kept = [Node()]  #: +Node
a = Node()  #: +Node
r = weakref.ref(a, gone)
del a  #: -Node count
