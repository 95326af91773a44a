class Node:
    pass


class Trouble(Exception):
    pass


def fail():
    try:
        local = Node()  #: +Node
        raise Trouble(local)  #: +Trouble
    finally:
        x = 1


def catch():
    try:
        fail()
    except Trouble as error:
        y = error.args  #: -Trouble count
    y = None  #: -Node count


catch()
