import gc

gc.disable()


def make():
    class Local:
        pass

    local = Local()  #: +Local
    return 1  #: -Local count


make()
gc.collect()
x = type("Dynamic", (), {})()  #: +Dynamic
del x  #: -Dynamic count
