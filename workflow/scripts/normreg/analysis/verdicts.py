"""The words in tables on which code depends. Files hold the texts. Code compares members, never parts of a text."""

from enum import StrEnum


class Level(StrEnum):
    """The kind of a row of `effects.csv`: the effect of a factor, or one of the pairs that this effect averages."""

    EFFECT = "effect"
    PAIR = "pair"


class EffectVerdict(StrEnum):
    """Whether the seeds show that an effect is more than chance."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"


class PublishedVerdict(StrEnum):
    """Whether a published value could be one more seed."""

    WITHIN = "within the spread of seeds"
    OUTSIDE = "outside the spread of seeds"


class Origin(StrEnum):
    """The source of a published value: the output of a notebook, or only a README."""

    NOTEBOOK = "notebook"
    README = "readme"


class Confounding(StrEnum):
    """Why two conditions cannot be compared although their names suggest it."""

    SAME = "the same experiment"
    MORE_DIFFERS = "differ also in"
