"""Every example of docs/python.md does what it says, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "python.md"

# As __main__, because that is what the page calls it. An address is any other address.
RUN = """
import doctest, re, sys
text = open({page!r}, encoding="utf-8").read()
class Checker(doctest.OutputChecker):
    def check_output(self, want, got, flags):
        mask = lambda s: re.sub("0x[0-9a-f]+", "0x", s)
        return super().check_output(mask(want), mask(got), flags)
test = doctest.DocTestParser().get_doctest(text, globals(), "python.md", {page!r}, 0)
test.globs = globals()
runner = doctest.DocTestRunner(Checker(), optionflags=doctest.ELLIPSIS)
runner.run(test, clear_globs=False)
assert runner.tries > 40, runner.tries
sys.exit(min(runner.failures, 1))
"""


def test_every_example_of_the_page_is_right():
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(page=str(PAGE))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert done.returncode == 0, done.stdout
