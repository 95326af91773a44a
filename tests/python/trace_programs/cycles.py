import gc

gc.disable()


class Node:
    pass


a = Node()  #: +Node
a.me = a
del a
b, c = Node(), Node()  #: +Node +Node
b.other, c.other = c, b
b = None
gc.collect()  #: -Node collector 2
c.other = None  #: -Node count
d = [Node()]  #: +Node
d.append(d)
del d
gc.collect(1)  #: -Node collector 1
#: shutdown -Node shutdown
