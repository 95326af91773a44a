class Node:
    pass


a, b = Node(), Node()  #: +Node +Node
a, b = b, a
a, *b = [b, a]
b.pop()  #: -Node count
(a := 1)  #: -Node count
