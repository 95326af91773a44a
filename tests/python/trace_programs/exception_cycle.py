import gc

gc.disable()


class Trouble(Exception):
    pass


def fail():
    try:
        raise Trouble  #: +Trouble
    except Trouble as error:
        kept = error


fail()
gc.collect()  #: -Trouble collector 2
