"""Found first by a Python that `memexplorer run` has started: installs, and goes out of the way.

It must not harm the program, whatever goes wrong: the program then runs without memexplorer, and a
line on standard error says so. A sitecustomize of the system or of the program is imported as ever.
"""

import os
import sys


def _start() -> None:
    import importlib.util
    import json

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    text = os.environ.get("MEMEXPLORER_RUN")
    if not text:
        return
    settings = json.loads(text)
    before, everywhere = settings.pop("pythonpath"), settings.pop("everywhere")
    if not everywhere:
        del os.environ["MEMEXPLORER_RUN"]
        if before is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = before
    package = os.path.dirname(here)
    # By its path: the program's Python may have none of its own, or another.
    spec = importlib.util.spec_from_file_location(
        "memexplorer", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["memexplorer"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for name in [name for name in sys.modules if name.split(".")[0] == "memexplorer"]:
            del sys.modules[name]
        raise
    module.install(**settings)


def _next() -> None:
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec and spec.loader and spec.origin != __file__:
        import importlib.util

        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


try:
    _start()
except Exception as error:
    sys.stderr.write(f"memexplorer: not brought into {sys.executable}: {error}\n")
_next()
