"""Each reload installs a handler that calls the one before it."""
# holder: on_reload before
# of: builtins.function | builtins.cell | builtins.dict

import signal

import shop


def install(settings):
    before = signal.getsignal(signal.SIGUSR1)

    def on_reload(number, frame):
        settings.clear()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGUSR1, on_reload)


def main():
    for request in shop.requests(2500):
        install(dict(request.headers, body=request.body))
    shop.wait()


main()
