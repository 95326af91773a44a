from functools import lru_cache


class Node:
    pass


@lru_cache(None)
def make(n):
    return Node()  #: +Node


a = make(1)
b = make(1)
del a, b
make.cache_clear()  #: -Node count
