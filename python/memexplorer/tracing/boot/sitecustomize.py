"""What site imports in a process that `memexplorer trace` has made: switches the recorder on.

Leaves no trace of itself: the environment, sys.path and sys.modules are put back, and the real
sitecustomize runs in its place. Imports nothing that site has not imported.
"""


def _restore(os, sys):  # type: ignore[no-untyped-def]
    config = dict(line.split("=", 1) for line in os.environ.pop("MEMEXPLORER_TRACE").split("\n"))
    if config["path"]:
        os.environ["PYTHONPATH"] = config["path"][1:]
    else:
        del os.environ["PYTHONPATH"]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    sys.path_importer_cache.pop(here, None)
    return config


def _start(os, sys, config):  # type: ignore[no-untyped-def]
    outer = sys.modules["_frozen_importlib_external"]
    inner = sys.modules["_frozen_importlib"]
    loader = outer.ExtensionFileLoader("memexplorer._trace", config["recorder"])
    spec = inner.ModuleSpec("memexplorer._trace", loader, origin=config["recorder"])
    recorder = inner.module_from_spec(spec)
    loader.exec_module(recorder)
    sys.modules.pop("memexplorer._trace", None)  # it stays loaded
    recorder.start(
        int(config["events"]), int(config["alive"]), int(config["done"]),
        config["roots"].split(os.pathsep), config["excluded"].split(os.pathsep), frozenset(),
        config["all"] == "1", config["names"] == "1", int(config["limit"]),
    )  # fmt: skip


def _run():  # type: ignore[no-untyped-def]
    import os
    import sys

    config = _restore(os, sys)
    finder = sys.modules["_frozen_importlib_external"].PathFinder
    real = finder.find_spec("sitecustomize", sys.path)
    if real is not None:
        own = sys.modules["sitecustomize"]
        own.__spec__, own.__loader__, own.__file__ = real, real.loader, real.origin
        real.loader.exec_module(own)
    try:
        _start(os, sys, config)
    except Exception as error:
        sys.stderr.write(f"memexplorer trace: {error}\n")
        os._exit(2)
    if real is None:  # site takes this for "there is none"
        raise ImportError("no sitecustomize", name="sitecustomize")


_run()
