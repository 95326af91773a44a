"""Lines of a log in a list of an object that another object has."""
# holder: __main__.SERVER.journal.lines
# of: builtins.str

import shop


class Journal:
    def __init__(self):
        self.lines = []

    def write(self, text):
        self.lines.append(text)


class Server:
    def __init__(self):
        self.journal = Journal()
        self.settings = {"port": 80, "workers": 4}


SERVER = Server()

for request in shop.requests(8000):
    SERVER.journal.write(
        f"served {request.url} to {request.user} in {request.number} ms".ljust(200)
    )
shop.wait()
