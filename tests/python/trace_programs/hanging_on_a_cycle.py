import gc

gc.disable()


class Node:
    pass


class Leaf:
    __slots__ = ()


a = Node()  #: +Node
a.me = a
a.leaf = Leaf()  #: +Leaf
a.node = Node()  #: +Node
del a
gc.collect()  #: -Node collector 2 -Node collector 2 -Leaf collector 2
