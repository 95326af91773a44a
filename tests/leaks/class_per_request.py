"""A form class is made for each request, and registers itself with its base."""
# holder: __main__.Form.registry
# of: builtins.type

import shop


class Form:
    registry = {}

    def __init_subclass__(cls):
        Form.registry[cls.__name__] = cls


def make_form(request):
    def validate(self):
        return request.number

    return type(f"Form{request.number}", (Form,), {"validate": validate, "path": request.path})


def main():
    for request in shop.requests(900):
        make_form(request)
    shop.wait()


main()
