"""Turns a stub into a C header: `docstrings.py STUB.pyi HEADER.h`.

The stub is the one place where the extension is documented; help() shows the same words. For
each function and class it writes `#define DOC_name "signature\\n--\\n\\ntext"`, the form from
which CPython takes __text_signature__ and __doc__; for methods and properties DOC_Class_name.
"""

import ast
import json
import sys
from typing import Iterator, List, Tuple


def signature(name: str, function: ast.FunctionDef, skip_self: bool) -> str:
    arguments = function.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    defaults: List[str] = [""] * (len(names) - len(arguments.defaults))
    defaults += ["=" + repr(ast.literal_eval(value)) for value in arguments.defaults]
    parts = [part + default for part, default in zip(names, defaults)]
    first = "$self" if parts and parts[0] == "self" else "$module"
    if parts and parts[0] == "self":
        del parts[0]
    if arguments.posonlyargs:
        parts.insert(len(arguments.posonlyargs) - (first == "$self"), "/")
    if arguments.vararg:
        parts.append("*" + arguments.vararg.arg)
    elif arguments.kwonlyargs:
        parts.append("*")
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults):
        parts.append(argument.arg + ("" if value is None else "=" + repr(ast.literal_eval(value))))
    if not skip_self:
        parts = [first] + (parts if "/" in parts else ["/"] + parts)
    return "{}({})\n--\n\n".format(name, ", ".join(parts))


def documents(body: List[ast.stmt], prefix: str = "") -> Iterator[Tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            head = ""
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    head = signature(node.name, member, skip_self=True)
            yield node.name, head + (ast.get_docstring(node) or "")
            yield from documents(node.body, node.name + "_")
        elif isinstance(node, ast.FunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                head = "" if node.decorator_list else signature(node.name, node, skip_self=False)
                yield prefix + node.name, head + text


def main(stub: str, header: str) -> None:
    with open(stub, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    with open(header, "w", encoding="utf-8") as file:
        file.write("// Made by docstrings.py from the stub: change that.\n")
        for name, text in [("MODULE", ast.get_docstring(tree) or "")] + list(documents(tree.body)):
            file.write(f"#define DOC_{name} {json.dumps(text)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
