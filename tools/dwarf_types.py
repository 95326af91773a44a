"""C types as a compiler described them in DWARF: names, sizes, members, constants.

Reads one object file or shared library. Knows nothing of Python's structs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

RECORDS = {"DW_TAG_structure_type", "DW_TAG_union_type"}
QUALIFIERS = {
    "DW_TAG_typedef",
    "DW_TAG_const_type",
    "DW_TAG_volatile_type",
    "DW_TAG_restrict_type",
    "DW_TAG_atomic_type",
}


@dataclass(frozen=True)
class Member:
    name: str | None  # None for an anonymous struct or union
    offset: int
    type: DIE
    is_bitfield: bool


def attribute(die: DIE, name: str) -> int | None:
    value = die.attributes.get(name)
    return None if value is None else value.value


def name_of(die: DIE) -> str | None:
    value = attribute(die, "DW_AT_name")
    return None if value is None else value.decode()


def build_id_of(path: Path) -> str | None:
    """The build-id of an ELF file, in hexadecimal."""
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections("SHT_NOTE"):
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return note["n_desc"]
    return None


class Types:
    """The named types of one file. Types given to its methods must come from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.others: list[Types] = []  # to ask for structs that this file only declares
        self._dwarf = ELFFile(path.open("rb")).get_dwarf_info()
        self._members: dict[int, list[Member]] = {}
        self._tags: dict[str, list[DIE]] = {}
        self._typedefs: dict[str, list[DIE]] = {}
        self.constants: dict[str, int] = {}
        for unit in self._dwarf.iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                self._add(die)

    def _add(self, die: DIE) -> None:
        if die.tag == "DW_TAG_enumeration_type":
            for child in die.iter_children():
                self.constants[name_of(child) or ""] = attribute(child, "DW_AT_const_value") or 0
        name = name_of(die)
        if name is None:
            return
        if die.tag in RECORDS and "DW_AT_declaration" not in die.attributes:
            self._tags.setdefault(name, []).append(die)
        elif die.tag == "DW_TAG_typedef":
            self._typedefs.setdefault(name, []).append(die)

    def find(self, name: str) -> list[DIE]:
        """The complete structs and unions of this name, by size when units disagree.

        "struct x" is a tag; a plain name is a typedef, else a tag.
        """
        if name.startswith("struct "):
            found = self._tags.get(name.removeprefix("struct "), [])
        else:
            found = [self.strip(die) for die in self._typedefs.get(name, [])]
            found = [die for die in found if self.is_record(die)] or self._tags.get(name, [])
        return list({self.size(die): die for die in found}.values())

    def target(self, die: DIE) -> DIE | None:
        """What a pointer, array or typedef is of; None for void."""
        if "DW_AT_type" not in die.attributes:
            return None
        return die.get_DIE_from_attribute("DW_AT_type")

    def strip(self, die: DIE | None) -> DIE | None:
        """The type below typedefs and qualifiers, complete where the file has it complete."""
        while die is not None and die.tag in QUALIFIERS:
            die = self.target(die)
        if die is not None and die.tag in RECORDS and "DW_AT_declaration" in die.attributes:
            complete = self._tags.get(name_of(die) or "", [])
            return complete[0] if complete else die
        return die

    def complete_elsewhere(self, record: DIE) -> tuple[Types, DIE | None]:
        for other in self.others:
            for found in other.find(f"struct {name_of(record)}"):
                return other, found
        return self, None

    def is_record(self, die: DIE | None) -> bool:
        return die is not None and die.tag in RECORDS and "DW_AT_byte_size" in die.attributes

    def size(self, die: DIE) -> int:
        die = self.strip(die)
        if die.tag == "DW_TAG_array_type":
            return self.count(die) * self.size(self.target(die))
        return attribute(die, "DW_AT_byte_size") or 0

    def count(self, array: DIE) -> int:
        """Elements of an array, all dimensions together; 0 for a flexible one."""
        count = 1
        for child in array.iter_children():
            if child.tag == "DW_TAG_subrange_type":
                bound = attribute(child, "DW_AT_upper_bound")
                length = attribute(child, "DW_AT_count")
                if length is None:
                    length = 0 if bound is None else bound + 1
                count *= length
        return count

    def members(self, record: DIE) -> list[Member]:
        if record.offset not in self._members:
            self._members[record.offset] = [
                Member(
                    name_of(child),
                    attribute(child, "DW_AT_data_member_location") or 0,
                    self.strip(self.target(child)),
                    "DW_AT_bit_size" in child.attributes,
                )
                for child in record.iter_children()
                if child.tag == "DW_TAG_member"
            ]
        return self._members[record.offset]

    def flat_members(self, record: DIE, offset: int = 0) -> Iterator[Member]:
        """Members with those of anonymous structs and unions among them."""
        for member in self.members(record):
            at = Member(member.name, offset + member.offset, member.type, member.is_bitfield)
            if member.name is None and self.is_record(member.type):
                yield from self.flat_members(member.type, at.offset)
            else:
                yield at

    def resolve(self, record: DIE, path: str) -> Member | None:
        """The member at a path such as "generations[0].head"; None when there is none."""
        found = Member(None, 0, record, False)
        for step in path.split("."):
            name, *indices = re.findall(r"\w+", step)
            members = self.flat_members(found.type) if self.is_record(found.type) else ()
            member = next((m for m in members if m.name == name), None)
            if member is None:
                return None
            offset, type_ = found.offset + member.offset, member.type
            for index in indices:
                type_ = self.strip(self.target(type_))
                offset += int(index) * self.size(type_)
            found = Member(name, offset, type_, member.is_bitfield)
        return found
