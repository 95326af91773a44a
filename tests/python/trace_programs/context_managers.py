class Lock:
    def __enter__(self):
        return Node()  #: +Node +Node

    def __exit__(self, *args):
        pass  #: (3.14+) -Lock count -Lock count


class Node:
    pass


with Lock() as node:  #: +Lock (3.10-3.13) -Lock count
    x = 1  #: (-3.9) -Lock count
del node  #: -Node count
with Lock():  #: +Lock -Node count (3.10-3.13) -Lock count
    y = 2  #: (-3.9) -Lock count
