import gc

gc.disable()


class Node:
    pass


class Owner:
    def __del__(self):
        held.pop()  #: -Node count-in-collection


held = [Node()]  #: +Node
o = Owner()  #: +Owner
o.me = o
del o
gc.collect()  #: !Owner collector -Owner collector 2
