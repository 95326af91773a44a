"""Reference counts of real programs are explained, for 99.99 % of their objects, never too often.

What "explained" means, and what the programs are, docs/exactness.md says.
"""

import packages
import pytest
from measure import PROGRAMS, interpreters, least_explained, offenders, row_of, started

INTERPRETERS = interpreters()
LEAST_OBJECTS = 50_000


def test_there_is_an_interpreter() -> None:
    assert INTERPRETERS


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", INTERPRETERS)
def test_reference_counts_are_explained(name: str, program: str) -> None:
    interpreter = INTERPRETERS[name]
    try:
        with started(interpreter, program) as target:
            row = row_of(interpreter, program, target.pid)
            assert row.mortal > LEAST_OBJECTS
            assert row.deficit == row.known_deficit, offenders(target.pid, "deficit")
            least = least_explained(program, interpreter.version)
            assert row.share >= least, f"{row}\n{offenders(target.pid, 'surplus')}"
    except packages.Missing as missing:
        pytest.skip(str(missing))
