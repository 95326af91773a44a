"""docs/format.md says what the code has, section by section."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_has_the_sections_of_the_code() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "format-doc", "--check"], check=False)
    assert done.returncode == 0


def test_the_document_has_the_numbers_of_the_code() -> None:
    """Offsets of the header and of a section's entry, forms of texts, widths of descriptors."""
    document = (ROOT / "docs" / "format.md").read_text()
    source = (ROOT / "src" / "snapshot" / "source.h").read_text()
    forms = re.findall(r"^    FORM_(\w+),", source, re.MULTILINE)
    told = re.findall(r"(\d+) (\w+)", re.search(r"\| form \|.*?\n\n", document, re.DOTALL)[0])
    for number, name in enumerate(forms):
        assert (str(number), name.lower()) in told
    packed = (ROOT / "src" / "snapshot" / "packed.h").read_text()
    for width in re.findall(r"// +(?:(\d+) bits: of|(\d+)(?:, less 1)?$)", packed, re.MULTILINE):
        assert f"{width[0] or width[1]} bits" in document
    version = re.search(
        r"#define FORMAT_VERSION (\d+)", (ROOT / "src" / "snapshot" / "format.h").read_text()
    )
    assert version and f"Format {version[1]}." in document
