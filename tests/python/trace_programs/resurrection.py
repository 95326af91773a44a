class Phoenix:
    def __del__(self):
        saved.append(self)


saved = []
p = Phoenix()  #: +Phoenix
del p  #: !Phoenix count ^Phoenix count
saved.clear()  #: -Phoenix count
