"""Why objects are alive, asked of a snapshot of this process."""

from typing import Collection, Dict, List, Set


def indented(lines: List[str]) -> str:
    """The first line, and the others under it."""
    return "\n    ".join(lines)


def why(*addresses: int) -> List[str]:
    return []


def holders(address: int) -> List[str]:
    return []


def cycles_of(addresses: Collection[int]) -> List[str]:
    return []


def type_counts() -> Dict[str, int]:
    return {}


def instances_of(kinds: List[Set[int]]) -> List[Set[int]]:
    return [set() for _ in kinds]
