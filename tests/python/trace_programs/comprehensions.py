class Node:
    pass


nodes = [Node() for _ in range(3)]  #: +Node +Node +Node
table = {i: node for i, node in enumerate(nodes)}
nodes = [node for node in nodes if False]
table.pop(1)  #: -Node count
table = {}  #: -Node count -Node count
unique = {Node() for _ in range(2)}  #: +Node +Node
unique.clear()  #: -Node count -Node count
