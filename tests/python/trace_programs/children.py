class Node:
    def __init__(self, child=None):
        self.child = child


a = Node(Node(Node()))  #: +Node +Node +Node
a.child.child = None  #: -Node count
b = a.child
del a  #: -Node count
b = None  #: -Node count
