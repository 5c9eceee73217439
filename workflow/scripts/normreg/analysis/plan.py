"""Says whether a study kept its plan (as many seeds as were planned before looking, one engine for all), and whether
its margin can be met.
"""

from collections.abc import Mapping, Sequence

# In how many percent of studies without any effect a single test finds one, if it looks at 3, 5, 8, 10 and 20 seeds and
# stops when it does. benchmarks/calibration.py measures it.
PEEKING = 17


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


def notes(planned: int | None, seeds: int, engines: Sequence[str]) -> list[str]:
    """Sentences for a page about `seeds` seeds, of which `planned` were planned. None: the study does not say."""
    several = (
        f"The runs were trained by several engines ({', '.join(engines)}). A seed counts for a difference only if one "
        "engine trained all the runs that it needs."
    )
    return [_note(planned, seeds), *([several] if len(engines) > 1 else [])]


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
