"""The words in tables on which code depends. Files hold the texts. Code compares members, never parts of a text."""

from enum import StrEnum


class Level(StrEnum):
    """The kind of a row of `effects.csv`.

    The effect of a factor, one of the pairs that this effect averages, or an interaction: how much the effect of a
    factor depends on another factor.
    """

    EFFECT = "effect"
    PAIR = "pair"
    INTERACTION = "interaction"


class ResponseLevel(StrEnum):
    """The kind of a row of `responses.csv`.

    A strength against the condition without it, a cell of a grid of values against that, the effect of a factor at one
    value of something else, or the plain mean of a condition.
    """

    STRENGTH = "strength"
    CELL = "cell"
    FACTOR = "factor"
    MEAN = "mean"


class EffectVerdict(StrEnum):
    """What the seeds say about a difference. The rules and their order are in `normreg.analysis.inference`."""

    DIVERGED = "runs diverged"
    TOO_FEW = "too few seeds"
    SAME = "same experiment"  # only on response curves: a value that trains as the reference does
    NO_SPREAD = "no spread"
    BETTER = "better"
    WORSE = "worse"
    DIFFERENT = "different"
    SLIGHTLY_BETTER = "better by less than the margin"
    SLIGHTLY_WORSE = "worse by less than the margin"
    SLIGHTLY_DIFFERENT = "different by less than the margin"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


class PublishedVerdict(StrEnum):
    """Whether a published value could be one more seed."""

    WITHIN = "within the spread of seeds"
    OUTSIDE = "outside the spread of seeds"


class Method(StrEnum):
    """How the standard error of an effect was found, see `normreg.analysis.inference`."""

    BLOCKED = "blocked"
    PAIRED = "paired"


class Objection(StrEnum):
    """Why an effect is estimated by the paired t-test alone."""

    FEW = "fewer than three conditions to pool"
    DIVERGED = "a run diverged"
    COLLAPSED = "a run collapsed"
    FAR = "a run lies far under the others of its condition"
    SCATTERS = "its runs scatter far more than the others"
    INCOMPLETE = "seeds are incomplete, or of several engines"
    VARIES = "its own spread over seeds is larger"


class ClaimVerdict(StrEnum):
    """What the measured runs, or the settings, say about a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    SMALLER = "no difference as large as the margin"
    NOT_DISTINGUISHABLE = "not distinguishable"
    NOT_TESTABLE = "not testable"
    TOO_FEW = "too few seeds"


class Origin(StrEnum):
    """The source of a published value: the output of a notebook, or only a README."""

    NOTEBOOK = "notebook"
    README = "readme"


class Confounding(StrEnum):
    """Why two conditions cannot be compared although their names suggest it."""

    SAME = "same experiment"
    MORE_DIFFERS = "differ also in"
