"""The words of tables that code decides by. Files hold the texts; code compares members, never parts of a text."""

from enum import StrEnum


class Level(StrEnum):
    """What a row of `effects.csv` is: a factor's effect, or one of the pairs of conditions it is the mean of."""

    EFFECT = "effect"
    PAIR = "pair"


class EffectVerdict(StrEnum):
    """Whether the seeds tell an effect from chance."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"


class PublishedVerdict(StrEnum):
    """Whether a published value could be one more seed."""

    WITHIN = "within the spread of seeds"
    OUTSIDE = "outside the spread of seeds"


class Origin(StrEnum):
    """Where a published value was read: in the output of a notebook, or in a README alone."""

    NOTEBOOK = "notebook"
    README = "readme"


class Confounding(StrEnum):
    """Why two conditions whose names promise a comparison do not allow it."""

    SAME = "the same experiment"
    MORE_DIFFERS = "differ also in"
