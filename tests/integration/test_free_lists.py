"""Objects on CPython's free lists are not alive, whatever their type pointers say."""

from typing import Dict, List

from processes import TARGETS, Interpreter, document, objects_of, running, some

TAKEN_AGAIN = 2  # of a kind, by what the target does until it stands still


def test_what_was_dropped_onto_a_free_list_is_not_alive(interpreter: Interpreter) -> None:
    with running(interpreter.path, TARGETS / "free_lists.py") as target:
        facts: Dict[str, Dict[str, List[int]]] = target.facts
        kinds = [
            (kept, kind, addresses)
            for kept, of_kinds in facts.items()
            for kind, addresses in of_kinds.items()
        ]
        asked = [address for _, _, addresses in kinds for address in addresses]
        answers = document("refs", target.pid, *map(hex, asked))
        alive = {int(each["address"], 16) for each in answers if each["alive"]}
        listed = set(objects_of(target.pid))
    differences = []
    for kept, kind, addresses in kinds:
        wanted, allowed = (len(addresses), 0) if kept == "kept" else (0, TAKEN_AGAIN)
        assert len(set(addresses)) == len(addresses) > 20 * TAKEN_AGAIN, kind
        for what, found in (("alive", alive), ("listed", listed)):
            count = len(found.intersection(addresses))
            if abs(count - wanted) > allowed:
                differences.append(f"{kept} {kind}: {count} of {len(addresses)} are {what}")
    assert not differences, some(differences)
