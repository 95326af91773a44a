"""How answers look in a notebook: tables, a treemap of what holds what, ways to an object.

HTML and SVG that stand alone: no script, no style sheet, nothing to load. All text comes from
the process that was captured, and is escaped.
"""

from html import escape
from typing import Any, Dict, Iterable, List, Sequence, Tuple

CELL_LENGTH = 100  # characters of a cell; the whole text is its title
MAP_WIDTH, MAP_HEIGHT = 900, 480
LABEL_LENGTH = 28  # characters of a box on a way
COLOURS = ("#4e79a7", "#59a14f", "#9c755f", "#b07aa1", "#76b7b2", "#edc948", "#e15759", "#f28e2b")

Box = Tuple[float, float, float, float]


def size_text(nbytes: float) -> str:
    """12.3 MiB"""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if nbytes < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.1f} TiB"


def cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and column.endswith("address"):
        return hex(value)
    if isinstance(value, bytes):
        value = repr(value[:CELL_LENGTH])
    return str(value).replace("\n", "\\n")


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


# ---- tables -------------------------------------------------------------------------------------


def aligned(names: Sequence[str], rows: Sequence[Sequence[str]]) -> List[str]:
    """Lines of text, each column as wide as its widest cell."""
    texts = [list(names)] + [[cut(text, CELL_LENGTH) for text in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(names))]
    return ["  ".join(text.ljust(w) for text, w in zip(row, widths)).rstrip() for row in texts]


def table(names: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> str:
    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:left' title='{escape(text)}'>"
            f"{escape(cut(text, CELL_LENGTH))}</td>"
            for text in row
        )
        + "</tr>"
        for row in rows
    )
    foot = f"<div style='opacity:.7'>{escape(note)}</div>" if note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"


# ---- treemap ------------------------------------------------------------------------------------


def _worst(row: List[float], side: float) -> float:
    total = sum(row)
    return max(
        max(side * side * area / (total * total), total * total / (side * side * area))
        for area in row
    )


def squarify(areas: Sequence[float], box: Box) -> List[Box]:
    """A box for each area, the largest first, as near to squares as going in order allows."""
    boxes: List[Box] = []
    x, y, width, height = box
    at = 0
    while at < len(areas):
        side = min(width, height)
        if side <= 0:
            boxes += [(x, y, 0.0, 0.0)] * (len(areas) - at)
            break
        row = [areas[at]]
        while at + len(row) < len(areas):
            wider = row + [areas[at + len(row)]]
            if _worst(wider, side) > _worst(row, side):
                break
            row = wider
        thick = sum(row) / side
        along = 0.0
        for area in row:
            length = area / thick
            if width <= height:
                boxes.append((x + along, y, length, thick))
            else:
                boxes.append((x, y + along, thick, length))
            along += length
        if width <= height:
            y, height = y + thick, height - thick
        else:
            x, width = x + thick, width - thick
        at += len(row)
    return boxes


class _Node:
    def __init__(self, row: Dict[str, Any]) -> None:
        self.row = row
        self.children: List[_Node] = []


def _tree(rows: Iterable[Dict[str, Any]]) -> List[_Node]:
    top: List[_Node] = []
    way: List[_Node] = []
    for row in rows:
        node = _Node(row)
        del way[row["depth"] :]
        (way[-1].children if way else top).append(node)
        way.append(node)
    return top


def _draw(out: List[str], node: _Node, box: Box, colour: str) -> None:
    x, y, width, height = box
    row = node.row
    if width < 2 or height < 2:
        return
    name = row["type"].replace("builtins.", "")
    title = f"{name} at {row['address']}\n{size_text(row['retained'])} retained, {size_text(row['bytes'])} its own\n{cut(row['preview'], 200)}"  # noqa: E501
    out.append(
        f"<g><title>{escape(title)}</title><rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' "
        f"height='{height:.1f}' fill='{colour}' fill-opacity='.35' stroke='#fff'/>"
    )
    if width > 60 and height > 14:
        text = cut(f"{name} {size_text(row['retained'])}", max(int(width / 6.5), 4))
        out.append(f"<text x='{x + 3:.1f}' y='{y + 11:.1f}'>{escape(text)}</text>")
    out.append("</g>")


def treemap(answer: Dict[str, Any]) -> str:
    """The rows of a dominator tree as boxes in boxes; what is left in one is its own, and small."""
    top = [node for node in _tree(answer["rows"]) if node.row["retained"]]
    whole = sum(node.row["retained"] for node in top)
    out = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {MAP_WIDTH} {MAP_HEIGHT}' "
        f"style='max-width:{MAP_WIDTH}px;width:100%' font-family='sans-serif' font-size='10'>"
    ]
    pending = [(top, (0.0, 0.0, float(MAP_WIDTH), float(MAP_HEIGHT)), whole, -1)]
    while pending:
        nodes, box, room, colour = pending.pop()
        if not nodes or not room:
            continue
        scale = box[2] * box[3] / room
        areas = [node.row["retained"] * scale for node in nodes]
        for i, (node, part) in enumerate(zip(nodes, squarify(areas, box))):
            mine = i % len(COLOURS) if colour < 0 else colour
            _draw(out, node, part, COLOURS[mine])
            x, y, width, height = part
            inner = (x + 2, y + 15, width - 4, height - 17)
            children = [child for child in node.children if child.row["retained"]]
            if children and inner[2] > 4 and inner[3] > 4:
                pending.append((children, inner, node.row["retained"], mine))
    return "".join(out) + "</svg>"


# ---- ways ---------------------------------------------------------------------------------------


def way(chain: Dict[str, Any]) -> str:
    """One way from a root to an object: a row of boxes, with the names of references between."""
    boxes = [(chain["root"], chain["root_kind"])]
    boxes += [(step["type"].replace("builtins.", ""), step["address"]) for step in chain["steps"]]
    labels = [step["reference"] for step in chain["steps"]]
    width, gap, height = 190, 110, 44
    total = len(boxes) * width + (len(boxes) - 1) * gap
    out = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{total + 2}' height='{height + 4}' "
        "font-family='sans-serif' font-size='11'>"
    ]
    for i, (name, note) in enumerate(boxes):
        x = i * (width + gap) + 1
        colour = COLOURS[0] if i else COLOURS[7]
        out.append(
            f"<g><title>{escape(name)}\n{escape(note)}</title><rect x='{x}' y='1' width='{width}' "
            f"height='{height}' rx='6' fill='{colour}' fill-opacity='.25' stroke='{colour}'/>"
            f"<text x='{x + 8}' y='18'>{escape(cut(name, LABEL_LENGTH))}</text>"
            f"<text x='{x + 8}' y='34' opacity='.6'>{escape(cut(note, LABEL_LENGTH))}</text></g>"
        )
        if i < len(labels):
            end = x + width + gap
            out.append(
                f"<g><title>{escape(labels[i])}</title>"
                f"<path d='M{x + width} 23 H{end - 6} m-5 -4 l6 4 l-6 4' "
                "fill='none' stroke='#888'/>"
                f"<text x='{x + width + 6}' y='17'>{escape(cut(labels[i], 16))}</text></g>"
            )
    return f"<div style='overflow-x:auto'>{''.join(out)}</svg></div>"
