"""What verdicts go by, and whether a study kept its plan (the seeds planned before looking, one engine for all)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from normreg.analysis.quantities import ACCURACY, LOSS, Quantity

LEVEL = 0.05  # of intervals, and of every test, if there is one look
# In how many percent of studies without any effect a single test finds one, if it looks at 3, 5, 8, 10 and 20 seeds and
# stops when it does. benchmarks/calibration.py measures it.
PEEKING = 17
SPENDING = 2  # a look at the share t of all seeds has spent the share t ** SPENDING of the error


@dataclass(frozen=True)
class Levels:
    """The levels of the tests of a difference, and of each one-sided test of equivalence. A look has less than 5 %."""

    difference: float = LEVEL
    equivalence: float = LEVEL


LEVELS = Levels()


@dataclass(frozen=True)
class Rules:
    """What verdicts go by.

    Attributes:
        margin: the largest difference that counts as none, by family of quantities.
        images: how many test images there are. A margin below one image allows no "equivalent" in accuracy.
        classes: how many classes there are. By chance one image in so many is right.
        judge: families of quantities that get verdicts.
        levels: of the tests.
    """

    margin: Mapping[str, float]
    images: int
    classes: int
    judge: Sequence[str] = (ACCURACY, LOSS)
    levels: Levels = LEVELS

    def reachable(self, quantity: Quantity) -> float | None:
        """The margin, or None if it is below one test image."""
        limit = self.margin[quantity.margin]
        return limit if not quantity.percent or meets(limit, self.images) else None


def levels(looks: Sequence[int], seeds: int) -> Levels:
    """The levels of the tests at a look at so many seeds.

    The error is spent over the looks by the power family of Kim and DeMets (1987, Biometrika 74), and a look has what
    it adds. By Bonferroni's bound the error over all looks is at most 5 %, whatever their correlation, for each effect
    and with Holm's adjustment for a family. An interval at this level is a repeated interval (Jennison and Turnbull
    1989, JRSS B 51): all of them together hold the true value with a probability of 95 %.

    Args:
        looks: planned numbers of seeds, ascending.
        seeds: one of them.
    """
    before = max((look for look in looks if look < seeds), default=0)
    share = (seeds**SPENDING - before**SPENDING) / looks[-1] ** SPENDING
    return Levels(LEVELS.difference * share, LEVELS.equivalence * share)


def meets(margin: float, images: int) -> bool:
    """Whether differences of an accuracy on `images` test images can be within `margin` points and not be 0."""
    return margin >= 100 / images


def margin_note(margin: Mapping[str, float], images: int) -> str:
    """A sentence if no accuracy can be equivalent within the margin (see `studies.Run`), else an empty text."""
    if meets(margin["accuracy"], images):
        return ""
    return (
        f"The margin of {margin['accuracy']:g} points is below one of the {images:,} test images "
        f"({100 / images:.3f} points), so no accuracy can be called equivalent. A larger `margin: accuracy` in the "
        "study's file, declared before looking, allows it."
    )


def margins(margin: Mapping[str, float], judge: Sequence[str]) -> str:
    """A sentence: the largest differences that count as none, of the quantities that get verdicts."""
    units = {LOSS: " nats", "calibration_error": "", "brier_score": ""}
    said = (f"{name.replace('_', ' ')} {margin[name]:g}{units.get(name, ' points')}" for name in judge)
    return f"Margins, the largest differences that count as none: {', '.join(said)}."


def notes(planned: int | None, looks: Sequence[int], seeds: int, engines: Sequence[str]) -> list[str]:
    """Sentences for a page about `seeds` seeds, of which `planned` were planned, or which looks.

    None and no looks: the study does not say.
    """
    several = (
        f"The runs were trained by several engines ({', '.join(engines)}). A seed counts for a difference only if one "
        "engine trained all the runs that it needs."
    )
    first = look_note(looks, seeds) if looks else _note(planned, seeds)
    return [first, *([several] if len(engines) > 1 else [])]


def look_note(looks: Sequence[int], seeds: int) -> str:
    """A sentence: whether the look at so many seeds was planned, and if not, what it costs."""
    plan = f"looks at {', '.join(map(str, looks[:-1]))} and {looks[-1]} seeds" if looks[1:] else f"{looks[0]} seeds"
    if seeds in looks:
        return (
            f"Look {looks.index(seeds) + 1} of {len(looks)}, as planned ({plan}). Intervals and tests allow for all "
            "looks: together they err in at most 5 % of studies."
        )
    cost = 100 * levels(looks, seeds).difference
    return (
        f"A look at {seeds} seeds was not planned (planned: {plan}). It can add {cost:.2g} % false findings to the 5 % "
        "of the planned looks."
    )


def _note(planned: int | None, seeds: int) -> str:
    peeking = (
        "Who adds seeds until an effect shows finds false ones: with looks at 3, 5, 8, 10 and 20 seeds in "
        f"{PEEKING} % of studies, not in 5 %."
    )
    if planned is None:
        return (
            "The study does not say how many seeds were planned (planned_seeds in its file). The verdicts hold only if "
            f"their number was chosen before anybody looked. {peeking}"
        )
    have = f"Planned before looking: {planned} seeds. The runs have {seeds}"
    if seeds == planned:
        return f"{have}, as planned."
    if seeds < planned:
        return f"{have}, fewer than planned: the verdicts may change until the plan is done. {peeking}"
    return f"{have}, more than planned: the plan was not kept, and the verdicts claim too much. {peeking}"
