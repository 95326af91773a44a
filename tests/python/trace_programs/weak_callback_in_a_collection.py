import gc
import weakref

gc.disable()


class Node:
    pass


def gone(ref):
    kept.clear()  #: -Node count-in-collection


kept = [Node()]  #: +Node
a = Node()  #: +Node
a.me = a
r = weakref.ref(a, gone)
del a
gc.collect()  #: -Node collector 2
