class A:
    pass


class B:
    pass


a = A()  #: +A
a.__class__ = B
del a  #: -B count
