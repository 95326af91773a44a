class Node:
    pass


a = Node()  #: +Node
b = a
del a
b = None  #: -Node count
