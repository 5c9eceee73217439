"""Names of classes as figures show them: only letters that the font has, in the space there is, and never two alike."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font, LoadFlags

_START = 0.6  # share of a shortened name that stands before the ellipsis: most names differ at their start


def printable(names: Sequence[str]) -> list[str]:
    """Each name, or what the font can write of it. No two are equal.

    If the font lacks a letter of "ki (き)", the name becomes "ki"; "猫 (cat)" becomes "cat". If neither part can be
    written, it is "class 3", its number in the data set, from 0. So it is if two names would be equal.
    """
    shown = [_written(name) or f"class {number}" for number, name in enumerate(names)]
    times = Counter(shown)
    return [name if times[name] == 1 else f"class {number}" for number, name in enumerate(shown)]


def fitted(names: Sequence[str], wanted: Iterable[int], width: float, size: float, lines: int = 1) -> dict[int, str]:
    """The `wanted` names, each in at most `lines` lines of `width` inches at `size` points.

    A name that is too long loses its middle, where an ellipsis stands. Two that would be equal then, or that font and
    space make equal to another, begin with their number in the data set. `names` are those of all classes. They are
    `literal`.
    """
    whole = printable(names)
    found = {number: _fit(whole[number], width, size, lines) for number in dict.fromkeys(wanted)}
    times = Counter(found.values())
    alike = [number for number, text in found.items() if times[text] > 1]
    found |= {number: _fit(f"{number}: {whole[number]}", width, size, lines) for number in alike}
    return {number: literal(text) for number, text in found.items()}


def literal(text: str) -> str:
    """A text for matplotlib to draw as it is. What stands between two dollar signs would be a formula."""
    return text.replace("$", r"\$")


def shortened(text: str, width: float, size: float) -> str:
    """A text in one line of `width` inches at `size` points. Letters that the font lacks become "\ufffd"."""
    return literal(_fit("".join(c if _has(c) else "\ufffd" for c in text), width, size, lines=1))


def wrap(text: str, width: float, size: float) -> list[str]:
    """`text` in lines of at most `width` inches at `size` points: broken between words, or in a word that is longer."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if line_width(longer, size) <= width:
            lines[-1] = longer
            continue
        *whole, rest = _pieces(word, width, size)
        lines += [*whole, rest]
    return [line for line in lines if line]


def _pieces(word: str, width: float, size: float) -> list[str]:
    """A word cut into pieces that fit, all but the last as long as possible. A piece has at least one letter."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and line_width(pieces[-1] + letter, size) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _fit(name: str, width: float, size: float, lines: int) -> str:
    shown, kept = wrap(name, width, size), len(name)
    while len(shown) > lines and kept > 1:
        kept -= 1
        start = round(_START * kept)
        shown = wrap(f"{name[:start].rstrip()}…{name[len(name) - kept + start :].lstrip()}", width, size)
    return "\n".join(shown)


def _written(name: str) -> str:
    """What the font can write of a name: all, the part before its brackets, or the one in them; "" if it has none."""
    before, _, inside = name.partition(" (")
    return next((part for part in (name, before, inside.removesuffix(")")) if part.strip() and _has(part)), "")


def _has(text: str) -> bool:
    return all(_font().get_char_index(ord(letter)) for letter in text)


def line_width(text: str, size: float) -> float:
    """Width of one line, in inches. Faster than `style.text_width`, and never less: it knows no kerning."""
    return sum(map(_advance, text)) * size / 72


@cache
def _advance(letter: str) -> float:
    """By how much a letter moves the next one, for a font of one point."""
    _font().set_size(100, 72)
    return float(_font().load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 100


@cache
def _font() -> FT2Font:
    return FT2Font(font_manager.findfont("DejaVu Sans"))
