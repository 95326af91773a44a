"""References are those that tp_traverse reports, in both directions, but for what reasons.py tells.

The same of real programs: tests/exactness.
"""

import pytest
from processes import Interpreter
from reasons import MISSING, UNNAMED, UNTOLD, unexplained
from traverse import compare


@pytest.mark.one_of_a_kind
def test_references_are_those_of_tp_traverse(interpreter: Interpreter):
    agreement = compare(interpreter.path)
    assert agreement.objects > 50_000 and agreement.reported > 100_000
    # Every word of a C struct of the standard library has a name.
    assert unexplained(agreement.unnamed, UNNAMED, interpreter.version) == []
    assert unexplained(agreement.missing, MISSING, interpreter.version) == []
    assert unexplained(agreement.untold, UNTOLD, interpreter.version) == []
