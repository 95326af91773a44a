import gc

gc.disable()


class Phoenix:
    def __del__(self):
        saved.append(self)


saved = []
p = Phoenix()  #: +Phoenix
p.me = p
del p
gc.collect()  #: !Phoenix collector ^Phoenix collector
saved.clear()
gc.collect()  #: -Phoenix collector 2
