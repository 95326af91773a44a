"""Reference counts of real programs are explained, for 99.99 % of their objects, never too often.

And their references are those that tp_traverse reports, but for what reasons.py tells. What
"explained" means, and what the programs are, docs/exactness.md says.
"""

import packages
import pytest
from measure import (
    PROGRAMS,
    least_explained,
    offenders,
    row_of,
    started,
)
from processes import interpreters, one_of_a_kind

INTERPRETERS = one_of_a_kind(interpreters())  # each takes long; run.py takes all
LEAST_OBJECTS = 50_000


def test_there_is_an_interpreter() -> None:
    assert INTERPRETERS


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", INTERPRETERS)
def test_counts_are_explained_and_references_are_those_of_tp_traverse(
    name: str, program: str
) -> None:
    interpreter = INTERPRETERS[name]
    try:
        with started(interpreter, program) as process:
            row = row_of(interpreter, program, process)
            assert row.mortal > LEAST_OBJECTS
            assert row.deficit == row.known_deficit, offenders(process.pid, "deficit")
            least = least_explained(program, interpreter.version)
            assert row.share >= least, f"{row}\n{offenders(process.pid, 'surplus')}"
            assert row.traversed.reported > LEAST_OBJECTS
            assert row.traversed.unexplained == []
    except packages.Missing as missing:
        pytest.skip(str(missing))
