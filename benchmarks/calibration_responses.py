"""Simulates response curves whose truth is known, judges them as the workflow does, and counts wrong answers.

    .venv/bin/python benchmarks/calibration_responses.py [--studies 1000] [--seed 0] [--document docs/statistics.md]

A curve has a reference and six strengths, or 19. Runs are those of `calibration.py`. With "reference" that one scatters
twice as much as all others, with "wild" the last strength five times as much. The truth is flat, or every strength is
at the margin of 0.1 points, or the strengths between the ends gain 0.05 points.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from calibration import SD, SEED_SD, SEEDS, against, heavy, normal, replace_tables, table

from normreg.analysis import strengths
from normreg.analysis.inference import Runs, holm, paired
from normreg.analysis.plan import LEVEL
from normreg.analysis.simultaneous import Group, Simultaneous, judge
from normreg.analysis.strengths import contrasts_of

STRENGTHS = 7
MARGIN = 0.1


def reference(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
    """The reference scatters twice as much as the others."""
    return random.normal(size=shape) * np.where(np.arange(shape[2]) == 0, 2, 1)


def wild(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
    """The last strength scatters five times as much as the others."""
    return random.normal(size=shape) * np.where(np.arange(shape[2]) == shape[2] - 1, 5, 1)


CELLS: tuple[tuple[str, Callable[..., np.ndarray], int], ...] = (
    *(("6 strengths, normal", normal, 6), ("6, heavy tails", heavy, 6)),
    *(("6, SD of the reference x 2", reference, 6), ("6, SD of the last x 5", wild, 6)),
    *(("19 strengths, normal", normal, 19), ("19, SD of the reference x 2", reference, 19)),
)


def judge_curve(values: np.ndarray, weights: np.ndarray) -> list[Simultaneous]:
    """Contrasts of the runs of one curve, the reference first."""
    runs = strengths.set_apart(Runs(values, np.full(values.shape, "torch"), [np.arange(values.shape[1])], {}))
    return judge([Group(runs, weights)])[0]


def any_found(family: list[Simultaneous]) -> bool:
    """Whether one of the family is significant."""
    return any(one.p_adjusted is not None and one.p_adjusted < LEVEL for one in family)


def any_equivalent(family: list[Simultaneous], shift: float, adjusted: bool = True) -> bool:
    """Whether one of the family is equivalent within `MARGIN`, if all truths are larger by `shift`."""
    tests = [one.both.deciding for one in family]
    p = [replace(test, difference=test.difference + shift).p_equivalence(MARGIN) for test in tests if test.testable]
    return bool(((holm(p) if adjusted else np.array(p)) < LEVEL).any())


def simulate(
    law: Callable[..., np.ndarray], count: int, seeds: int, studies: int, random: np.random.Generator
) -> list[float]:
    """Percentages of one cell, in the order of the table's columns."""
    weights, forms = against(count), contrasts_of(count + 1)
    gain = 0.05 * np.array([0, *[1] * (count - 1), 0])
    counts = np.zeros(7)
    for _ in range(studies):
        own = SD * law(random, (1, seeds, count + 1), weights)[0]
        values = 99.5 + random.normal(0, SEED_SD, (seeds, 1)) + own
        band = judge_curve(values, weights)
        counts += [
            all(one.low is None or one.high is None or one.low <= 0 <= one.high for one in band),
            any_found(band),
            any_found(judge_curve(values, forms)),
            any_equivalent(band, MARGIN, adjusted=False),
            any_equivalent(band, MARGIN),
            any_found(judge_curve(values + gain, weights)),
            any_found(judge_curve(values + gain, forms)),
        ]
    return [float(share) for share in 100 * counts / studies]


def choosing(seeds: int, studies: int, random: np.random.Generator, fresh: bool) -> dict[str, float]:
    """What the strength with the best mean seems to gain, if no strength has an effect.

    It is measured on the runs that chose it, or on `fresh` seeds. Where the reference is best, nothing is gained.
    """
    gains, false = np.zeros(studies), 0
    for study in range(studies):
        values = random.normal(0, SD, (2, seeds, STRENGTHS + 1)) + random.normal(0, SEED_SD, (2, seeds, 1))
        best = int(values[0].mean(axis=0).argmax())
        if best:
            test = paired(values[int(fresh)], against(STRENGTHS)[best - 1])
            gains[study] = test.difference
            false += test.testable and test.p() < LEVEL
    return {"gain": float(gains.mean()), "false": false / studies}


def main() -> None:
    """Simulates every cell, and choosing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="simulated curves of each cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--document", type=Path, help="a file whose table is replaced")
    arguments = parser.parse_args()
    began, rows = time.monotonic(), []
    for place, (name, law, count) in enumerate(CELLS):
        # The distribution of the largest of 19 statistics takes long for each new number of seeds.
        found = [
            simulate(law, count, seeds, arguments.studies, np.random.default_rng([arguments.seed, place, seeds]))
            for seeds in SEEDS
        ]
        rows.append([name, *(" / ".join(f"{one[column]:.1f}" for one in found) for column in range(7))])
        print(" | ".join(rows[-1]), flush=True)
    for seeds in SEEDS:
        for fresh in (False, True):
            found = choosing(seeds, 10 * arguments.studies, np.random.default_rng([arguments.seed, seeds]), fresh)
            print(f"best of {STRENGTHS + 1}, {seeds} seeds, {'fresh' if fresh else 'same'} runs: {found}")
    heading = (
        "| curve of | band covers | false, band | false, shapes | false equivalent, each alone | with Holm | "
        "found: band | shapes |"
    )
    replace_tables(arguments.document, {"calibration of curves": table(heading, rows)})
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
