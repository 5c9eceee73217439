"""The rules by which claims of published studies are judged: by settings, and by runs that are paired by seed.

A claim of kind *setting* is judged from the study file, without any run: supported if each setting has the claimed
value in every condition that the claim names, else contradicted. A claim of kind *untestable* is not testable. This
says only that no run can decide it.

A claim of kind *effect* or *curve* has tests. Each test has a verdict of its own. It is about a condition `with`, and
compares it with the condition `without` in the same seed, or with a `value`. These rules apply in this order:

1. Not testable: both conditions have the same settings; or they differ in more than the claimed factor (not if the
   test is about the whole recipes); or the run is on another data set; or it is too short for the statistic.
2. Too few seeds: fewer than three. A seed does not count if different engines trained its two runs.
3. Not distinguishable: all seeds give the same number, so that there is no spread and no test.
4. Direction *higher* or *lower*: supported if the difference from 0 is significant and has this sign. Contradicted if
   it is significant and has the other sign, or if it is equivalent to 0: then there is no gain (or loss) as large as
   the margin. Else not distinguishable. If the claim is about a value, equivalence is not asked.
5. Direction *none* (changes nothing): supported if the difference is equivalent to 0. Contradicted if it is significant
   and not equivalent. Else not distinguishable.
6. Direction *near* (a published value could be one more run): contradicted if it is significantly far. Else supported
   if the 95 % prediction interval reaches at most twice the margin to each side. Else not distinguishable.

Significant: the two-sided p-value of Student's t is below 0.05 after Holm's adjustment (1979) for all tests of the
study. Equivalent: two one-sided t-tests (Schuirmann 1987) at the margin, each at 5 %, not adjusted. The margin is that
of the study, of accuracies in points and of losses in nats, unless the test has its own. A single run varies more than
a mean, so `near` allows twice the margin: 0.1 points, as two published runs of one configuration differed.
"""

from collections.abc import Mapping
from typing import Any

from normreg.analysis.verdicts import ClaimVerdict

LEAST_SEEDS, LEVEL = 3, 0.05


def decide(row: Mapping[str, Any]) -> tuple[ClaimVerdict, str]:
    """The verdict of a test and its reason, by the rules 2 to 6 above.

    Args:
        row: seeds, p, p_adjusted, p_equivalence, low, high, measured, value, margin and direction, as in claims.csv.
            None stands for an empty cell.
    """
    if row["seeds"] < LEAST_SEEDS:
        seeds = int(row["seeds"])
        return ClaimVerdict.TOO_FEW, f"{seeds} seed{'s' if seeds != 1 else ''}; {LEAST_SEEDS} are the least."
    if row["p"] is None:
        return ClaimVerdict.NOT_DISTINGUISHABLE, "All seeds give the same number, so there is no spread to judge by."
    significant = row["p_adjusted"] < LEVEL
    equivalent = row["p_equivalence"] is not None and row["p_equivalence"] < LEVEL
    if row["direction"] == "near":
        return _decide_near(row, significant)
    if row["direction"] == "none":
        return _decide_none(significant, equivalent)
    return _decide_direction(row, significant, equivalent)


def _decide_near(row: Mapping[str, Any], significant: bool) -> tuple[ClaimVerdict, str]:
    if significant:
        return ClaimVerdict.CONTRADICTED, "The value is too far from our runs to be one more of them."
    if row["high"] - row["low"] <= 4 * row["margin"]:
        return ClaimVerdict.SUPPORTED, "The value could be one more of our runs."
    return ClaimVerdict.NOT_DISTINGUISHABLE, "The value could be one more of our runs, but these vary too much to tell."


def _decide_none(significant: bool, equivalent: bool) -> tuple[ClaimVerdict, str]:
    if equivalent:
        return ClaimVerdict.SUPPORTED, "The difference is smaller than the margin."
    if significant:
        return ClaimVerdict.CONTRADICTED, "There is a difference, and it is not shown to be smaller than the margin."
    return ClaimVerdict.NOT_DISTINGUISHABLE, "These seeds show neither a difference nor that it is below the margin."


def _decide_direction(row: Mapping[str, Any], significant: bool, equivalent: bool) -> tuple[ClaimVerdict, str]:
    against = row["value"] or 0.0
    sign = "higher" if row["measured"] > against else "lower"
    small = ", by less than the margin" if equivalent else ""
    if significant:
        verdict = ClaimVerdict.SUPPORTED if sign == row["direction"] else ClaimVerdict.CONTRADICTED
        return verdict, f"It is {sign}{small}."
    if equivalent:
        return ClaimVerdict.CONTRADICTED, "The difference is smaller than the margin."
    return ClaimVerdict.NOT_DISTINGUISHABLE, "These seeds do not tell the difference from chance."
