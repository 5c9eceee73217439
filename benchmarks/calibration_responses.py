"""Simulates response curves whose truth is known, judges them as the workflow does, and counts wrong answers.

    .venv/bin/python benchmarks/calibration_responses.py [--studies 2000] [--normal-studies 10000] [--seed 0]

A curve has a reference and seven strengths. Runs and their laws are those of `calibration.py`: with "unequal" every
second strength scatters twice as much, with "varying" its effect varies from seed to seed. With "wild" the last
strength scatters five times as much. The truth is flat, or the six strengths between the ends gain 0.05 points
("wide"), or the gain rises in steps to 0.05 and falls ("pointed").

docs/statistics.md shows a result and says what the columns mean. `tests/unit/test_simultaneous.py` has a small version.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from calibration import LAWS, SD, SEED_SD, SEEDS, normal

from normreg.analysis import strengths
from normreg.analysis.effects import COLLAPSE
from normreg.analysis.inference import LEVEL, Runs, holm, paired
from normreg.analysis.simultaneous import Group, Simultaneous, judge
from normreg.analysis.strengths import LEAST_LEVELS, contrasts_of
from normreg.analysis.verdicts import Method, Objection

STRENGTHS = 7
AGAINST = np.column_stack([-np.ones(STRENGTHS), np.eye(STRENGTHS)])  # each strength minus the reference
SHAPES = contrasts_of(STRENGTHS + 1)
WIDE = np.array([0, *[0.05] * (STRENGTHS - 1), 0])
POINTED = 0.05 * np.array([0, 1, 2, 3, 4, 3, 2, 1]) / 4
POWER_EVERY = 5  # one study in five is also judged with effects, to save time
CELLS = ("cover", "paired decides", "false", "false shape", "found wide", "wide by shape", "wide by either")
MORE_CELLS = ("wide by paired t and Holm", "pointed", "pointed by shape", "pointed by paired t and Holm")


def wild(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """The last strength scatters five times as much as the others."""
    return random.normal(size=shape) * np.where(np.arange(shape[1]) == shape[1] - 1, 5, 1)


def runs_of(values: np.ndarray) -> Runs:
    """The runs of one curve. The reference stands first."""
    under = values[:, :1] - values
    lost = (under > COLLAPSE).any(axis=0)
    lost[0] = (under < -COLLAPSE).any()
    apart = dict.fromkeys(np.flatnonzero(lost).tolist(), Objection.COLLAPSED)
    pools = [np.arange(values.shape[1])]
    return strengths.set_apart(Runs(values, np.full(values.shape, "torch"), pools, apart))


def judge_curve(values: np.ndarray) -> tuple[list[Simultaneous], list[Simultaneous]]:
    """The strengths against the reference, and the shapes over the conditions that have not collapsed."""
    runs = runs_of(values)
    kept = [column for column in range(values.shape[1]) if column not in runs.apart]
    band = judge([Group(runs, AGAINST)])[0]
    if kept[0] != 0 or len(kept) < LEAST_LEVELS:
        return band, []
    weights = np.zeros((len(kept) - 1, values.shape[1]))
    weights[:, kept] = contrasts_of(len(kept))
    return band, judge([Group(runs, weights)])[0]


def any_found(family: list[Simultaneous]) -> bool:
    """Whether one of the family is significant."""
    return any(one.p_adjusted is not None and one.p_adjusted < LEVEL for one in family)


def covers(family: list[Simultaneous]) -> bool:
    """Whether the band has the true value 0 at every strength."""
    return all(one.low is None or one.high is None or one.low <= 0 <= one.high for one in family)


def by_holm(values: np.ndarray) -> bool:
    """Whether paired t-tests with Holm's adjustment find a strength."""
    tests = [paired(values, weights) for weights in AGAINST]
    return bool((holm([test.p() if test.testable else float("nan") for test in tests]) < LEVEL).any())


def simulate(law: Callable, seeds: int, studies: int, random: np.random.Generator) -> dict[str, float]:
    """Shares of one cell over `studies` studies."""
    counts: dict[str, float] = dict.fromkeys((*CELLS, *MORE_CELLS), 0)
    for study in range(studies):
        noise = 99.5 + random.normal(0, SEED_SD, (seeds, 1)) + SD * law(random, (seeds, STRENGTHS + 1))
        band, shapes = judge_curve(noise)
        counts["cover"] += covers(band)
        counts["paired decides"] += float(np.mean([one.both.method is Method.PAIRED for one in band]))
        counts["false"] += any_found(band)
        counts["false shape"] += any_found(shapes)
        if study % POWER_EVERY:
            continue
        for name, truth in (("wide", WIDE), ("pointed", POINTED)):
            band, shapes = judge_curve(noise + truth)
            found = any_found(band), any_found(shapes)
            counts[f"found {name}" if name == "wide" else name] += found[0]
            counts[f"{name} by shape"] += found[1]
            counts["wide by either"] += any(found) and name == "wide"
            counts[f"{name} by paired t and Holm"] += by_holm(noise + truth)
    looked = len(range(0, studies, POWER_EVERY))
    power = {key for key in counts if "wide" in key or "pointed" in key}
    return {key: value / (looked if key in power else studies) for key, value in counts.items()}


def choosing(seeds: int, studies: int, random: np.random.Generator, fresh: bool) -> dict[str, float]:
    """What the strength with the best mean seems to gain, if no strength has an effect.

    It is measured on the runs that chose it, or on `fresh` seeds. Where the reference is best, nothing is gained.
    """
    gains, false = np.zeros(studies), 0
    for study in range(studies):
        values = random.normal(0, SD, (2, seeds, STRENGTHS + 1)) + random.normal(0, SEED_SD, (2, seeds, 1))
        best = int(values[0].mean(axis=0).argmax())
        if best:
            test = paired(values[int(fresh)], AGAINST[best - 1])
            gains[study] = test.difference
            false += test.testable and test.p() < LEVEL
    return {"gain": float(gains.mean()), "false": false / studies}


def main() -> None:
    """Simulates every law and number of seeds, and choosing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies of each law and number of seeds")
    parser.add_argument("--normal-studies", type=int, default=10_000, help="the same for normal runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--laws", nargs="+", default=[law.__name__ for law in (*LAWS, wild)])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/calibration_responses.csv"))
    arguments = parser.parse_args()
    began, rows = time.monotonic(), []
    for number, law in enumerate((*LAWS, wild)):
        for seeds in arguments.seeds if law.__name__ in arguments.laws else ():
            random = np.random.default_rng([arguments.seed, number, seeds])
            studies = arguments.normal_studies if law is normal else arguments.studies
            rows.append({"law": law.__name__, "seeds": seeds, "studies": studies})
            rows[-1] |= simulate(law, seeds, studies, random)
            print(
                ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()),
                flush=True,
            )
    for seeds in arguments.seeds:
        for fresh in (False, True):
            found = choosing(seeds, arguments.normal_studies, np.random.default_rng([arguments.seed, seeds]), fresh)
            print(f"best of {STRENGTHS + 1}, {seeds} seeds, {'fresh' if fresh else 'same'} runs: {found}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).round(4).to_csv(arguments.out, index=False)
    print(f"{time.monotonic() - began:.0f} s, {arguments.out}")


if __name__ == "__main__":
    main()
