class Node:
    pass


def fail():
    local = Node()  #: +Node
    raise ValueError("as known")


x = Node()  #: +Node
fail()
#: status 1
#: shutdown -Node shutdown -Node shutdown
