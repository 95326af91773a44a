"""The choices of a form become an Enum each time it is shown."""
# holder: __main__.CHOICES
# of: enum.EnumMeta | enum.EnumType

import enum

import shop

CHOICES = []


def choices(request):
    CHOICES.append(enum.Enum("Choice", [f"{request.user}_{i}" for i in range(4)]))


for request in shop.requests(300):
    choices(request)
shop.wait()
