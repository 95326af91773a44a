import weakref


class Node:
    pass


table = weakref.WeakValueDictionary()
table["x"] = Node()  #: +Node -Node count
a = table["y"] = Node()  #: +Node
f = weakref.finalize(a, print)
f.detach()
del a  #: -Node count
