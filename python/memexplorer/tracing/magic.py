"""%%memtrace, a cell of a notebook under the recorder: `%load_ext memexplorer` first.

The listing is printed below the cell, and below that the value of its last expression.
"""

import ast
import sys
from typing import Any

from .api import trace


def register(ipython: Any) -> None:
    def memtrace(line: str, cell: str) -> None:
        """%%memtrace [--all] [--no-names]: what each line of the cell did to names and objects."""
        words = line.split()
        unknown = [word for word in words if word not in ("--all", "--no-names")]
        if unknown:
            sys.stderr.write(f"%%memtrace: {unknown[0]} is no option: --all, --no-names are\n")
            return
        source = ipython.transform_cell(cell)
        name = ipython.compile.cache(source)
        tree, value = ast.parse(source, name), None
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        code = compile(tree, name, "exec")
        shown = compile(ast.Expression(last.value), name, "eval") if last else None
        with trace(output=sys.stdout, all="--all" in words, names="--no-names" not in words,
                   roots=[], files={name: source}):  # fmt: skip
            exec(code, ipython.user_ns)
            if shown:
                value = eval(shown, ipython.user_ns)
        sys.displayhook(value)

    ipython.register_magic_function(memtrace, magic_kind="cell", magic_name="memtrace")
