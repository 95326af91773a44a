"""A script under trace behaves as it does without: what it prints, how it ends, what it sees."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Tuple

import pytest
from trace_run import run_traced, skip_where_not_traced

pytestmark = skip_where_not_traced

SCRIPTS = {
    "falls off the end": "print('out')",
    "sys.exit with a number": "import sys; print('out'); sys.exit(7)",
    "sys.exit with a text": "import sys; sys.exit('a text')",
    "uncaught exception": """
        def inner(): raise KeyError("inner")
        try:
            inner()
        except KeyError as error:
            raise ValueError("outer") from error
    """,
    "syntax error": "print('never'\n1 +",
    "os._exit": "import os; print('out', flush=True); os._exit(9)",
    "signal": "import os, signal; print('out', flush=True); os.kill(os.getpid(), 15)",
    # Where tests run in the background of a shell, the signal is ignored from the start.
    "keyboard interrupt": "import os, signal\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "os.kill(os.getpid(), 2)\nwhile True: pass",
    "abort": "import os; os.abort()",
    "fork": """
        import os, sys
        pid = os.fork()
        if pid == 0:
            print("child", flush=True)
            sys.exit(3)
        print(os.waitpid(pid, 0)[1], flush=True)
        try:
            os.wait()
        except ChildProcessError:
            print("no other child")
    """,
    "exec": "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'print(5)'])",
    "subprocess": """
        import subprocess, sys
        print(subprocess.check_output([sys.executable, "-c",
              "import sys, os; print(sys.path[0], os.environ.get('PYTHONPATH'))"]))
    """,
    "threads": """
        import threading
        lock, total = threading.Lock(), []
        def work(n):
            for i in range(200):
                with lock:
                    total.append(n)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(total))
    """,
    "thread that raises": """
        import threading
        threading.excepthook = lambda args: print("hook", args.exc_type.__name__)
        def work(): raise OSError
        thread = threading.Thread(target=work)
        thread.start(); thread.join()
    """,
    "asyncio": """
        import asyncio
        async def work(n):
            await asyncio.sleep(0.001 * n)
            return n
        async def main():
            print(await asyncio.gather(*map(work, range(5))))
            async with aclose(): pass
        class aclose:
            async def __aenter__(self): print("enter")
            async def __aexit__(self, *args): print("exit")
        asyncio.run(main())
    """,
    "multiprocessing fork": """
        import multiprocessing
        def square(n): return n * n
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(square, range(5)))
    """,
    "multiprocessing spawn": """
        import multiprocessing
        def square(n): return n * n
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(square, range(5)))
    """,
    "what it sees": """
        import os, sys
        print(__name__, __file__, __spec__, __package__, sys.argv, sys.path[0])
        print(sorted(os.environ.items() - {("_", os.environ.get("_"))}))
        print(sys.gettrace(), sys.flags, sys.path, "memexplorer" in sys.modules)
        print(sorted(name for name in sys.modules if "customize" in name or "memexplorer" in name))
        frame = sys._getframe()
        print(frame.f_back, sys.modules["__main__"].__dict__ is globals())
    """,
    "recursion": """
        import sys
        depth = 0
        def down():
            global depth
            depth += 1
            down()
        try:
            down()
        except RecursionError as error:
            print(depth, error)
    """,
    "atexit": """
        import atexit
        class Node:
            def __del__(self): print("gone")
        atexit.register(print, "first"); atexit.register(print, "second")
        node = Node()
    """,
    "counts": """
        import sys
        class Node: pass
        def look(node): return sys.getrefcount(node)
        a = Node()
        b = [a, a]
        print(sys.getrefcount(a), look(a), sys.getrefcount(b))
        def local():
            x = Node(); y = x
            return sys.getrefcount(x)
        print(local())
    """,
    "names in its frame": """
        def f(a):
            b = 1
            names = locals()
            c = 2
            return sorted(names)
        print(f(1), sorted(name for name in globals() if not name.startswith("__")))
        def g():
            x = 1
            def h():
                nonlocal x
                x += 1
                return locals(), x
            return h(), x, locals().get("x")
        print(g())
    """,
    "its own trace function": """
        import sys
        seen = []
        def tracer(frame, event, value):
            seen.append(event)
            return tracer
        def f(): return 1
        sys.settrace(tracer); f(); sys.settrace(None)
        print(seen)
    """,
    "collector": """
        import gc
        gc.collect(); gc.disable()
        class Node: pass
        for i in range(10):
            node = Node(); node.me = node
        del node
        found = gc.collect()
        print(found, gc.garbage, gc.get_stats()[2]["uncollectable"])
    """,
    "a stdin of its own": "import sys; print(sys.stdin.read())",
}


def text_of(script: str) -> str:
    import textwrap

    return textwrap.dedent(script)


def run_untraced(script: Path, tmp_path: Path, **more: Any) -> Any:
    return subprocess.run([sys.executable, script.name, "one", "two"], capture_output=True,
                          cwd=tmp_path, timeout=120, **more)  # fmt: skip


def both(name: str, tmp_path: Path) -> Tuple[Any, Any]:
    script = tmp_path / "script.py"
    script.write_text(text_of(SCRIPTS[name]))
    plain = run_untraced(script, tmp_path, input=b"typed in")
    traced, _ = run_traced("script.py", tmp_path, "one", "two", options=["-o", "listing"],
                           cwd=tmp_path, input=b"typed in")  # fmt: skip
    return plain, traced


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_it_prints_and_ends_as_it_does_untraced(name: str, tmp_path: Path) -> None:
    plain, traced = both(name, tmp_path)
    assert traced.stdout == plain.stdout
    assert traced.stderr == plain.stderr
    assert traced.returncode == plain.returncode


def test_a_script_that_is_not_there_is_pythons_to_report(tmp_path: Path) -> None:
    traced, _ = run_traced("missing.py", tmp_path, options=["-o", "listing"], cwd=tmp_path)
    assert traced.returncode == 2
    assert b"missing.py" in traced.stderr


def test_a_module_is_run_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "named.py").write_text("import sys\nprint(__name__, sys.argv)\nx = 1\n")
    plain = subprocess.run(
        [sys.executable, "-m", "named", "a"], stdout=subprocess.PIPE, cwd=tmp_path
    )
    traced, events = run_traced("named", tmp_path, "a", options=["-m"], cwd=tmp_path)
    assert traced.stdout == plain.stdout
    assert [event["name"] for event in events if event["event"] == "bind"] == ["sys", "x"]
