"""Errors meant for the person at the keyboard: shown as one paragraph, without a traceback."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

AGAIN = "Delete it and run the same command again."  # what to do about a file that cannot be used
_ACT = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories of controls, formats, surrogates and line separators
_JOINERS = "\u200c\u200d"  # they only join letters or emoji
# Snakemake puts params into a script element of its report, and escapes nothing there. These end or hide the element.
_MARKUP = re.compile(r"<(/?script|!--)", re.IGNORECASE)


def acts(text: str) -> bool:
    """Whether a text has a character that does something where it is shown.

    It could end the line, steer a terminal, or turn the direction of what follows.
    """
    return not text.isprintable() and any(unicodedata.category(c) in _ACT and c not in _JOINERS for c in text)


def printable(text: str) -> str:
    """The text in one line, with `\\x1b` and the like in place of characters that act.

    Messages pass through it, because names of files, arrays and classes in them can have any character.
    """
    return "".join(ascii(c)[1:-1] if acts(c) else c for c in text) if acts(text) else text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the closest of the `known` names, and a space before it. Empty if none is close."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def unfit(text: str) -> str:
    """What no text may have, because it acts on a terminal or ends a script element of the report. "": it has none."""
    if acts(text):
        return "control characters, line separators and marks of direction"
    return "<script, </script and <!--" if _MARKUP.search(text) else ""


class NormregError(Exception):
    """Bad input. The message says which file or key, what was found, what was expected and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class ConfigError(NormregError):
    """A key of the configuration or of a study file is wrong."""


class DataError(NormregError):
    """A data file is missing, damaged or not the one it should be."""


class OrphanedError(NormregError):
    """The process that started this one is gone, so nobody waits for its results."""
