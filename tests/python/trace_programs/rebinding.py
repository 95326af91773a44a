class Node:
    pass


a = Node()  #: +Node
a = Node()  #: +Node -Node count
a = a
a = 1  #: -Node count
