class Numbers(list):
    pass


class Table(dict):
    pass


class Number(int):
    pass


class Pair(tuple):
    pass


class Text(str):
    pass


a = Numbers([Number(1000)])  #: +Numbers +Number
b = Table(x=a)  #: +Table
del a
b.clear()  #: -Number count -Numbers count
del b  #: -Table count
c = Pair((Text("x"), Number(2)))  #: +Pair +Text +Number
c = None  #: -Text count -Number count -Pair count
