import gc

gc.disable()


class Node:
    pass


a = Node()  #: +Node
a.me = a
del a
gc.collect(0)  #: -Node collector 0
