import gc

gc.disable()


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*args)  #: +A +B


class A(metaclass=Meta):  #: +Meta
    pass


a = A()
del a  #: -A count
B = Meta("B", (A,), {})  #: +Meta
b = B()
B = None
b = None  #: -B count
gc.collect()  #: -Meta collector 2
#: shutdown -Meta shutdown
