class Trouble(Exception):
    pass


class Node:
    pass


def fail():
    local = Node()  #: +Node +Node
    raise Trouble  #: +Trouble +Trouble


try:
    fail()
except Trouble as error:
    kept = error
kept.__traceback__ = None  #: -Node count
kept = None  #: -Trouble count
try:
    fail()
except Trouble:
    x = 1  #: -Trouble count -Node count
