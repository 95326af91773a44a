import copy
import pickle


class Node:
    pass


a = Node()  #: +Node
b = copy.copy(a)  #: +Node
c = pickle.loads(pickle.dumps(a))  #: +Node
del a  #: -Node count
b = c = None  #: -Node count -Node count
