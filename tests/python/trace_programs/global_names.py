class Node:
    pass


def change():
    global held
    held = Node()  #: +Node


def drop():
    global held
    del held  #: -Node count


change()
drop()
