class Node:
    def __del__(self):
        pass


class Other:
    pass


kept = Other()  #: +Other
node = Node()  #: +Node
#: shutdown -Other shutdown !Node shutdown -Node shutdown
