class Node:
    pass


class Owner:
    def __init__(self):
        self._node = Node()  #: +Node

    @property
    def fresh(self):
        return Node()  #: +Node +Node

    @property
    def node(self):
        return self._node

    @node.setter
    def node(self, value):
        self._node = value  #: -Node count


o = Owner()  #: +Owner
kept = o.fresh
o.fresh  #: -Node count
o.node
o.node = kept
del kept
del o  #: -Node count -Owner count
