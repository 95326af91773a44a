#!/usr/bin/env python3
"""make.py - damaged and hostile snapshot files, for tests/unit/test_damaged.c.

    tests/unit/damaged/make.py build/tests/unit/test_damaged

writes them next to itself, out of one sound file that the program makes. To be run when the format
changes;
files of other names stay. A file that did harm is added by copying it here as NAME.mxs.
"""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
PIECE = 4096


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class File:
    """The bytes of a snapshot, by section: docs/format.md."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.table, self.count = struct.unpack_from("<QI", data, 24)
        self.entries: dict[str, int] = {}
        for at in range(self.table, self.table + 64 * self.count, 64):
            self.entries[data[at : at + 24].rstrip(b"\0").decode()] = at

    def place(self, section: str) -> list[int]:
        return list(struct.unpack_from("<QQ", self.data, self.entries[section] + 24))

    def put(self, section: str, at: int, new: bytes) -> None:
        start, nbytes = self.place(section)
        assert at + len(new) <= nbytes, f"{section} has {nbytes} bytes"
        self.data[start + at : start + at + len(new)] = new

    def fill(self, section: str, byte: int) -> None:
        self.put(section, 0, bytes([byte]) * self.place(section)[1])

    def entry(self, section: str, field: int, form: str, value: int) -> None:
        struct.pack_into(form, self.data, self.entries[section] + field, value)

    def mend(self, sections: bool = True) -> bytes:
        """Makes the checksums right."""
        for at in self.entries.values() if sections else []:
            start, nbytes = struct.unpack_from("<QQ", self.data, at + 24)
            section = bytes(self.data[start : start + nbytes])
            sums = b"".join(
                struct.pack("<I", crc32c(section[i : i + PIECE])) for i in range(0, nbytes, PIECE)
            )
            behind = start + (nbytes + 7) // 8 * 8
            self.data[behind : behind + len(sums)] = sums
            struct.pack_into("<I", self.data, at + 60, crc32c(sums))
        struct.pack_into("<I", self.data, 36, crc32c(bytes(self.data[self.table :])))
        struct.pack_into("<I", self.data, 60, crc32c(bytes(self.data[:60])))
        return bytes(self.data)


def hostile(change: Callable[[File], None], sections: bool = True) -> Callable[[bytes], bytes]:
    def made(sound: bytes) -> bytes:
        file = File(sound)
        change(file)
        return file.mend(sections)

    return made


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda sound: sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :]


def noise(section: str, seed: int) -> Callable[[bytes], bytes]:
    def change(file: File) -> None:
        numbers = random.Random(seed)
        file.put(section, 0, bytes(numbers.randrange(256) for _ in range(file.place(section)[1])))

    return hostile(change)


def filled(section: str, byte: int) -> Callable[[bytes], bytes]:
    return hostile(lambda file: file.fill(section, byte))


def columns(section: str) -> Callable[[bytes], bytes]:
    """Noise behind the head of a packed column."""

    def change(file: File) -> None:
        numbers = random.Random(section)
        nbytes = file.place(section)[1] - 8
        file.put(section, 8, bytes(numbers.randrange(256) for _ in range(nbytes)))

    return hostile(change)


def entry(section: str, field: int, form: str, value: int) -> Callable[[bytes], bytes]:
    return hostile(lambda file: file.entry(section, field, form, value), sections=False)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda sound: b"",
    "header-alone": lambda sound: sound[:64],
    "cut-in-half": lambda sound: sound[: len(sound) // 2],
    "one-byte-more": lambda sound: sound + b"\0",
    "line-ends-changed": lambda sound: sound.replace(b"\r\n", b"\n"),
    "flipped-in-header": flipped(20),
    "flipped-in-first-section": flipped(70),
    "flipped-in-table": lambda sound: flipped(len(sound) - 30)(sound),
    "older-format": hostile(lambda file: struct.pack_into("<I", file.data, 8, 1)),
    "newer-format": hostile(lambda file: struct.pack_into("<I", file.data, 8, 99)),
    "compressed-it-says": hostile(lambda file: struct.pack_into("<I", file.data, 12, 2)),
    "redacted-it-says": hostile(lambda file: struct.pack_into("<I", file.data, 12, 1)),
    "table-of-no-sections": hostile(lambda file: struct.pack_into("<I", file.data, 32, 0)),
    "section-behind-the-end": entry("target", 24, "<Q", 1 << 62),
    "section-wraps-around": entry("target", 32, "<Q", (1 << 64) - 8),
    "section-in-the-table": hostile(
        lambda file: file.entry("texts", 24, "<Q", file.table), sections=False
    ),
    "count-of-2-64": entry("address", 48, "<Q", (1 << 64) - 1),
    "encoding-of-none": entry("type", 56, "<I", 77),
    "plain-encoding": entry("size", 56, "<I", 4),
    "strings-without-end": filled("strings", 65),
    "strings-no-utf-8": filled("strings", 0xFF),
    "texts-all-ff": filled("texts", 0xFF),
    "texts-noise": noise("texts", 1),
    "shapes-noise": noise("shapes", 2),
    "roots-noise": noise("roots", 3),
    "types-noise": noise("types", 4),
    "info-all-ff": filled("info", 0xFF),
    "garbage-noise": noise("garbage", 5),
    "findings-noise": noise("findings", 6),
    **{
        f"{name}-noise": columns(name)
        for name in (
            "first",
            "target",
            "hold",
            "referrer_first",
            "referrer",
            "dominator",
            "retained",
            "address",
            "type",
            "flags",
            "text_first",
            "shape",
        )
    },
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.mxs"
        subprocess.run([sys.argv[1], str(path)], check=True)
        sound = path.read_bytes()
    for name, damage in DAMAGE.items():
        (HERE / f"{name}.mxs").write_bytes(damage(sound))
    print(f"{len(DAMAGE)} files of at most {len(sound) + 1} bytes")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main())
