import gc

gc.disable()


class Node:
    def __del__(self):
        names.append("x")


names = []
a, b = Node(), Node()  #: +Node +Node
a.other, b.other = b, a
del a, b
gc.collect()  #: !Node collector !Node collector -Node collector 2 -Node collector 2
