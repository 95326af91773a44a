"""Each job's script is loaded as a module of its own, under a name that never comes again."""
# holder: sys.modules
# of: builtins.module

import sys
import types

import shop

SCRIPT = """
def run(n):
    return [RATES[i % len(RATES)] * n for i in range(10)]

RATES = [number * 1.07 for number in range(50)]
"""


def load(request):
    module = types.ModuleType(f"job_{request.number}")
    sys.modules[module.__name__] = module
    exec(SCRIPT, module.__dict__)
    return module


def main():
    for request in shop.requests(800):
        load(request).run(3)
    shop.wait()


main()
