"""A process that has imported what there is of the standard library, and waits."""

import contextlib
import importlib
import os
import pkgutil
import sys

# What opens windows or browsers, plays, prints, or tests itself.
LEFT_OUT = {"antigravity", "idlelib", "test", "this", "tkinter", "turtle", "turtledemo"}

folders = [path for path in sys.path if os.path.isdir(path) and "-packages" not in path]
names = {module.name for module in pkgutil.iter_modules(folders[1:])} - LEFT_OUT
for name in sorted(names | set(sys.builtin_module_names)):
    if name.isidentifier() and not name.startswith(("_test", "_x", "x")):
        with contextlib.suppress(Exception):  # of another system, or made without
            importlib.import_module(name)
print("ready", flush=True)
sys.stdin.read()
