class Reports:
    def __init__(self, d):
        pass

    def made(self, *a):
        pass
