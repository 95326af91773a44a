import threading


class Node:
    pass


def work():
    local = Node()  #: +Node
    results.append(Node())  #: +Node
    return 1  #: -Node count


results = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
results.clear()  #: -Node count
