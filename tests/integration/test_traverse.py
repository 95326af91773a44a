"""Every word of a C struct of the standard library that refers to an object has a name."""

from processes import Interpreter
from traverse import compare


def test_no_reference_of_the_standard_library_is_without_a_name(interpreter: Interpreter):
    agreement = compare(interpreter.path)
    assert agreement.objects > 50_000
    assert not agreement.unnamed
