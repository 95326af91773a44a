class Node:
    pass


for i in range(3):
    node = Node()  #: +Node +Node +Node -Node count -Node count
while node:
    node = None  #: -Node count
