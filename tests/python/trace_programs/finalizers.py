class Node:
    def __del__(self):
        x = 1


class Child(Node):
    pass


def make():
    local = Node()  #: +Node
    return 1  #: !Node count -Node count


a = Node()  #: +Node
del a  #: !Node count -Node count
b = Child()  #: +Child
b = None  #: !Child count -Child count
make()
