"""Simulates studies whose truth is known, judges them as the workflow does, and counts how often that is wrong.

    .venv/bin/python benchmarks/calibration.py [--studies 2000] [--normal-studies 10000] [--seed 0]

A study has the eight conditions of `controlled`. A run's accuracy is the sum of a mean, its condition's effect, its
seed's part (normal, SD 0.03 points) and its own part (SD 0.032, as measured on MNIST), drawn from one of these laws:

- normal; skewed (a gamma of shape 2, turned to low values: skewness -1.4); heavy (Student's t, 3 degrees of freedom);
- collapsing: normal, and 2 % of the runs lose 20 to 80 points;
- unequal: normal, and the conditions with L1 scatter twice as much;
- varying: normal, and the effect of L1 varies from seed to seed, so that its variance is twice that of the residuals.

docs/statistics.md shows a result and says what the columns mean. `tests/unit/test_judgement.py` has a small version.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import numpy as np
import pandas as pd

from normreg.analysis import inference
from normreg.analysis.claims import decide
from normreg.analysis.effects import COLLAPSE
from normreg.analysis.inference import LEVEL, Runs, paired
from normreg.analysis.power import Spread
from normreg.analysis.verdicts import ClaimVerdict, Method, Objection

DESIGN = np.array([[l1, l2, gbn] for gbn in (0, 1) for l1, l2 in ((0, 0), (1, 0), (0, 1), (1, 1))])
EFFECTS = (2 * DESIGN.T - 1) / 4  # of L1, L2 and GBN, each the mean of four pairs
CROSSED = np.array([(2 * DESIGN[:, a] - 1) * (2 * DESIGN[:, b] - 1) / 2 for a, b in ((0, 1), (0, 2), (1, 2))])
SD, SEED_SD, MARGIN = 0.032, 0.03, 0.05
SEEDS = (3, 5, 10, 20)
LOOKS = (3, 5, 8, 10, 20)


def normal(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """One row a seed, one column a condition, in units of `SD`."""
    return random.normal(size=shape)


def skewed(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A long tail of low values."""
    return (2 - random.gamma(2, size=shape)) / 2**0.5


def heavy(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Long tails on both sides."""
    return random.standard_t(3, size=shape) / 3**0.5


def collapsing(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Some runs fail."""
    lost = random.uniform(20, 80, shape) * (random.random(shape) < 0.02)
    return random.normal(size=shape) - lost / SD


def unequal(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Conditions with L1 scatter more."""
    return random.normal(size=shape) * (1 + DESIGN[:, 0])


def varying(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """The effect of L1 is not the same in all seeds."""
    each = random.normal(size=(shape[0], 1)) * (2 * DESIGN[:, 0] - 1) / 8**0.5
    return random.normal(size=shape) + each


LAWS: tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], ...] = (
    normal,
    skewed,
    heavy,
    collapsing,
    unequal,
    varying,
)


def runs_of(values: np.ndarray) -> Runs:
    """A study's runs. A run far under another one that differs from it in one factor has collapsed."""
    neighbours = np.abs(DESIGN[:, None] - DESIGN[None]).sum(axis=2) == 1
    under = values[:, None, :] - values[:, :, None] > COLLAPSE  # seed, condition, other condition
    collapsed = (under & neighbours).any(axis=(0, 2))
    apart = dict.fromkeys(np.flatnonzero(collapsed).tolist(), Objection.COLLAPSED)
    return Runs(values, np.full(values.shape, "torch"), [np.arange(8)], apart)


def simulate(law: Callable, seeds: int, studies: int, random: np.random.Generator) -> dict[str, float]:
    """Shares over `studies` studies of one cell."""
    detectable = Spread(SD * 0.5**0.5, 7, Method.BLOCKED).detectable(seeds, family=3)
    counts: dict[str, float] = dict.fromkeys(
        (
            "cover",
            "cover L1",
            "cover blocked",
            "cover paired",
            "paired decides",
            "false",
            "false crossed",
            "equivalent",
            "found",
        ),
        0,
    )
    for _ in range(studies):
        noise = 99.5 + random.normal(0, SEED_SD, (seeds, 1)) + SD * law(random, (seeds, 8))
        found = inference.estimate(runs_of(noise), EFFECTS)
        for one in found:
            counts["cover"] += covers(one.deciding) / 3
            counts["cover blocked"] += covers(one.blocked or one.deciding) / 3
            counts["cover paired"] += covers(one.paired) / 3
            counts["paired decides"] += (one.method is Method.PAIRED) / 3
        counts["cover L1"] += covers(found[0].deciding)
        counts["false"] += any_found(found)
        counts["false crossed"] += any_found(inference.estimate(runs_of(noise), CROSSED))
        (at_margin,) = inference.estimate(runs_of(noise + MARGIN * DESIGN[:, 0]), EFFECTS[:1])
        counts["equivalent"] += at_margin.deciding.testable and at_margin.deciding.p_equivalence(MARGIN) < LEVEL
        shifted = inference.estimate(runs_of(noise + detectable * DESIGN[:, 0]), EFFECTS)
        p = inference.judge(shifted, MARGIN, True)[0].p_adjusted
        counts["found"] += p is not None and p < LEVEL
    return {key: value / studies for key, value in counts.items()}


def covers(estimate: inference.Estimate) -> bool:
    """Whether the interval has the true value, 0."""
    low, high = estimate.interval() if estimate.testable else (-np.inf, np.inf)
    return bool(low <= 0 <= high)


def any_found(estimates: list[inference.Estimates]) -> bool:
    """Whether a family without any effect has a verdict of a difference."""
    adjusted = [one.p_adjusted for one in inference.judge(estimates, MARGIN, True)]
    return any(p is not None and p < LEVEL for p in adjusted)


def peeking(studies: int, random: np.random.Generator) -> tuple[float, float]:
    """False findings of one paired test without any effect: with looks at `LOOKS` seeds, and with the last only."""
    stopped = last = 0
    for _ in range(studies):
        each = random.normal(0, SD, (LOOKS[-1], 1))
        p = [paired(each[:seeds], np.ones(1)).p() for seeds in LOOKS]
        stopped += min(p) < LEVEL
        last += p[-1] < LEVEL
    return stopped / studies, last / studies


def one_more_run(law: Callable, seeds: int, studies: int, random: np.random.Generator) -> float:
    """How often a run that is one more seed of the same training is called outside of the spread of seeds."""
    outside = 0
    for _ in range(studies):
        *measured, other = law(random, (seeds + 1, 8))[:, 0]
        low, high = inference.one_more(np.array(measured)).interval()
        outside += not low <= other <= high
    return outside / studies


def claims(seeds: int, studies: int, random: np.random.Generator) -> dict[str, float]:
    """Shares of wrong verdicts on a claim with a known truth, one test a study, normal runs."""
    wrong = {
        "higher, truth 0: supported": ("higher", 0.0, ClaimVerdict.SUPPORTED),
        "higher, truth the margin: contradicted": ("higher", MARGIN, ClaimVerdict.CONTRADICTED),
        "none, truth 0: contradicted": ("none", 0.0, ClaimVerdict.CONTRADICTED),
        "none, truth the margin: supported": ("none", MARGIN, ClaimVerdict.SUPPORTED),
    }
    shares = {}
    for name, (direction, truth, verdict) in wrong.items():
        count = 0
        for _ in range(studies):
            test = paired(random.normal(truth, SD * 2**0.5, (seeds, 1)), np.ones(1))
            row = {"direction": direction, "seeds": seeds, "measured": test.difference, "p": test.p()}
            row |= {"p_adjusted": test.p(), "p_equivalence": test.p_equivalence(MARGIN), "margin": MARGIN}
            count += decide(row)[0] is verdict
        shares[name] = count / studies
    return shares


def main() -> None:
    """Simulates every law and number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies of each law and number of seeds")
    parser.add_argument("--normal-studies", type=int, default=10_000, help="the same for normal runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/calibration.csv"))
    arguments = parser.parse_args()
    random, began = np.random.default_rng(arguments.seed), time.monotonic()
    rows = []
    for law in LAWS:
        studies = arguments.normal_studies if law is normal else arguments.studies
        for seeds in SEEDS:
            shares = simulate(law, seeds, studies, random)
            rows.append({"law": law.__name__, "seeds": seeds, "studies": studies, **shares})
            print(
                ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()),
                flush=True,
            )
    stopped, last = peeking(arguments.normal_studies, random)
    for seeds in SEEDS:
        shares = ", ".join(
            f"{name} {share:.3f}" for name, share in claims(seeds, arguments.normal_studies, random).items()
        )
        print(f"claims, {seeds} seeds: {shares}")
        outside = [f"{law.__name__} {one_more_run(law, seeds, arguments.studies, random):.3f}" for law in LAWS[:3]]
        print(f"one more run, {seeds} seeds, called outside: {', '.join(outside)}", flush=True)
    print(f"looks at {LOOKS} seeds: {stopped:.3f} false findings; at {LOOKS[-1]} only: {last:.3f}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).round(4).to_csv(arguments.out, index=False)
    print(f"{time.monotonic() - began:.0f} s, {arguments.out}")


if __name__ == "__main__":
    main()
