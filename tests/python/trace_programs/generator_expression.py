class Node:
    pass


total = sum(1 for node in [Node(), Node()])  #: +Node +Node -Node count -Node count
lazy = (Node() for _ in range(2))  #: +Node +Node
first = next(lazy)
second = next(lazy)
del first  #: -Node count
del second  #: -Node count
