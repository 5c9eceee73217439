"""Says whether a study kept its plan: as many seeds as were planned before looking, and one engine for all."""

from collections.abc import Sequence

# In how many percent of studies without any effect a single test finds one, if it looks at 3, 5, 8, 10 and 20 seeds and
# stops when it does. benchmarks/calibration.py measures it.
PEEKING = 17


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
