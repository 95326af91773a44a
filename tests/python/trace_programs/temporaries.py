class Node:
    def get(self):
        return 1  #: (3.11+) -Node count


Node()  #: +Node -Node count
x = Node().get()  #: +Node (-3.10) -Node count
y = [Node(), Node()][0]  #: +Node +Node -Node count
(Node(), y)  #: +Node -Node count
del y  #: -Node count
