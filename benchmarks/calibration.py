"""Simulates studies whose truth is known, judges them by the rules of before and of now, and counts wrong answers.

    .venv/bin/python benchmarks/calibration.py [--studies 10000] [--seed 0] [--document docs/statistics.md]

A run's accuracy is the sum of its seed's part (normal, SD 0.03 points) and its own part (SD 0.032, as measured on
MNIST), which has one of the laws below. All studies of a cell are judged at once by arrays; `tests/unit/
test_calibration.py` compares this with the library's functions, study by study, and runs a few small cells. With
`--document` the table replaces the one in that file. docs/statistics.md says what the columns mean.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import numpy as np
from scipy import stats

from normreg.analysis import images, plan
from normreg.analysis.failures import FAR
from normreg.analysis.inference import Runs, paired
from normreg.analysis.plan import LEVEL
from normreg.analysis.published import BEST_OF

SD, SEED_SD = 0.032, 0.03
SEEDS = (3, 5, 10)
DESIGN = np.array([[l1, l2, gbn] for gbn in (0, 1) for l1, l2 in ((0, 0), (1, 0), (0, 1), (1, 1))])
EIGHT = (2 * DESIGN.T - 1) / 4  # the effects of L1, L2 and GBN, each the mean of four pairs
FIVE = np.array([[0, 0, -1, 1, 0], [0, -1, 0, 1, 0], [0, 0, 0, -1, 1.0]])  # hardayaleva5: L1, its L2, GBN
Law = Callable[[np.random.Generator, tuple[int, int, int], np.ndarray], np.ndarray]


def against(others: int) -> np.ndarray:
    """The effects of conditions that are each compared with the first one."""
    return np.column_stack([-np.ones(others), np.eye(others)])


def normal(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
    """Runs (studies, seeds, conditions) in units of `SD`."""
    return random.normal(size=shape)


def skewed(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
    """A long tail of low values: a gamma of shape 2."""
    return (2 - random.gamma(2, size=shape)) / 2**0.5


def heavy(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
    """Long tails on both sides: Student's t with 3 degrees of freedom."""
    return random.standard_t(3, size=shape) / 3**0.5


def collapsing(share: float) -> Law:
    """A law: some runs lose 20 to 80 points."""

    def law(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
        lost = random.uniform(20, 80, shape) * (random.random(shape) < share)
        return random.normal(size=shape) - lost / SD

    return law


def varying(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
    """The first effect varies from seed to seed, so that its variance is four times as large."""
    each = random.normal(size=(*shape[:2], 1)) * (3 * (weights[0] ** 2).sum()) ** 0.5
    return random.normal(size=shape) + each * (weights[0] > 0)


def unequal(times: float) -> Law:
    """A law: the conditions with the first factor scatter more."""

    def law(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
        return random.normal(size=shape) * np.where(weights[0] > 0, times, 1)

    return law


def failing(random: np.random.Generator, shape: tuple[int, int, int], weights: np.ndarray) -> np.ndarray:
    """A tenth of the runs with the first factor lose 0.3 to 3 points. Its mean effect is still 0."""
    factor = weights[0] > 0
    lost = random.uniform(0.3, 3, shape) * (random.random(shape) < 0.1)
    return random.normal(size=shape) + (0.165 - lost) / SD * factor


@dataclass(frozen=True)
class Cell:
    """What is simulated: a name, a law, the effects of the study, and the margin of equivalence."""

    name: str
    law: Law
    weights: np.ndarray
    margin: float = 0.05


CELLS = (
    Cell("8 conditions, normal", normal, EIGHT),
    Cell("8, skewed", skewed, EIGHT),
    Cell("8, heavy tails", heavy, EIGHT),
    Cell("8, 2 % collapse", collapsing(0.02), EIGHT),
    Cell("8, 10 % collapse", collapsing(0.1), EIGHT),
    Cell("8, one factor's SD x 2", unequal(2), EIGHT),
    Cell("8, variance of one effect x 4", varying, EIGHT),
    Cell("20 conditions, normal", normal, against(19), 0.1),
    Cell("20, one condition's SD x 2", unequal(2), against(19), 0.1),
    Cell("20, variance of one effect x 4", varying, against(19), 0.1),
    Cell("hardayaleva5's five, SD of L1 x 4", unequal(4), FIVE, 0.2),
    Cell("8, 10 % of a factor's runs fail a little", failing, EIGHT),
    Cell("2, the same", failing, against(1), 0.1),
)


@dataclass(frozen=True)
class Estimates:
    """Effects of many studies: differences, and standard errors with their degrees of freedom, each (studies, E)."""

    difference: np.ndarray
    error: np.ndarray
    freedom: np.ndarray

    def p(self, shift: float = 0.0) -> np.ndarray:
        """Two-sided p-values, if the first effect were larger by `shift`."""
        moved = self.difference + shift * (np.arange(self.difference.shape[1]) == 0)
        return np.asarray(2 * stats.t.sf(np.abs(moved) / self.error, self.freedom))


def failed(values: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Which conditions have a failed run, (studies, K): one far under the median, see `failures`.

    With a `limit` those count that lie so many points under the best condition of their seed: the rule of before.
    """
    if limit is not None:
        return np.asarray((values < values.max(axis=2, keepdims=True) - limit).any(axis=1))
    studies, seeds, conditions = values.shape
    below = np.median(values, axis=1, keepdims=True) - values
    distances = np.sort(np.abs(below).reshape(studies, -1))[:, seeds % 2 * conditions :]
    return np.asarray((below > FAR * 1.4826 * np.median(distances, axis=1)[:, None, None]).any(axis=1))


def estimate(values: np.ndarray, weights: np.ndarray, before: bool = False) -> Estimates:
    """The effects (E, K) of studies (S, n, K), as `inference.estimate` finds them, or as it did before."""
    seeds = values.shape[1]
    apart = failed(values, 5.0 if before else None)
    kept = ~apart[:, None, :]
    count = kept.sum(axis=2, keepdims=True)
    rows = (values * kept).sum(axis=2, keepdims=True) / np.maximum(count, 1)
    residuals = (values - rows - values.mean(axis=1, keepdims=True) + rows.mean(axis=1, keepdims=True)) * kept
    freedom = np.maximum((seeds - 1) * (count[:, :, 0] - 1), 1)
    pooled = np.sqrt((residuals**2).sum(axis=(1, 2))[:, None] / freedom * (weights**2).sum(axis=1) / seeds)
    each = values @ weights.T
    own = each.std(axis=1, ddof=1) / seeds**0.5
    objects = objections(residuals, weights, freedom) if before else own > pooled
    objects |= (apart[:, None, :] & (weights != 0)).any(axis=2) | (count[:, :, 0] < 3)
    freedom = np.broadcast_to(freedom, own.shape)
    return Estimates(each.mean(axis=1), np.where(objects, own, pooled), np.where(objects, seeds - 1, freedom))


def objections(residuals: np.ndarray, weights: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """The check of before: an F-test of each contrast at 0.10, and Brown and Forsythe's test of spreads at 0.01."""
    _, seeds, conditions = residuals.shape
    own = ((residuals @ weights.T) ** 2).sum(axis=1) / (weights**2).sum(axis=1)
    rest = np.maximum((residuals**2).sum(axis=(1, 2))[:, None] - own, 0)
    other = np.maximum(freedom - (seeds - 1), 1)
    varies = own * other > rest * (seeds - 1) * stats.f.isf(0.10, seeds - 1, other)
    sizes = np.abs(residuals - np.median(residuals, axis=1, keepdims=True))
    means = sizes.mean(axis=1, keepdims=True)
    between = seeds * ((means - means.mean(axis=2, keepdims=True)) ** 2).sum(axis=(1, 2)) / max(conditions - 1, 1)
    within = ((sizes - means) ** 2).sum(axis=(1, 2)) / (conditions * (seeds - 1))
    spreads = between / within > stats.f.isf(0.01, max(conditions - 1, 1), conditions * (seeds - 1))
    return np.asarray(varies | spreads[:, None])


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values of each study, (S, E)."""
    order = np.argsort(p, axis=1)
    steps = np.take_along_axis(p, order, axis=1) * np.arange(p.shape[1], 0, -1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(steps, axis=1), 1), axis=1)
    return adjusted


def simulate(cell: Cell, seeds: int, studies: int, random: np.random.Generator) -> dict[str, float]:
    """Percentages of wrong answers, before and now: "cover", "family", "equivalent"; and of right ones: "found"."""
    conditions = cell.weights.shape[1]
    own = SD * cell.law(random, (studies, seeds, conditions), cell.weights)
    values = 99.5 + random.normal(0, SEED_SD, (studies, seeds, 1)) + own
    found: dict[str, float] = {}
    # An effect that the pooled test finds in 80 % of studies, if it may always be used.
    effect = 3.4 * SD * float((cell.weights[0] ** 2).sum() / seeds) ** 0.5
    for name in ("before", "now"):
        got = estimate(values, cell.weights, name == "before")
        reach = stats.t.isf(LEVEL / 2, got.freedom) * got.error
        shares = {
            "cover": (np.abs(got.difference) <= reach)[:, 0],
            "family": (holm(got.p()) < LEVEL).any(axis=1),
            "equivalent": equivalent(got, cell.margin, cell.margin),
            "none": equivalent(got, cell.margin, 0.0),
            "found": (holm(got.p(effect)) < LEVEL)[:, 0],
        }
        found |= {f"{key} {name}": 100 * float(share.mean()) for key, share in shares.items()}
    return found


def equivalent(got: Estimates, margin: float, truth: float) -> np.ndarray:
    """In which studies the first effect is called equivalent, if it is `truth` in truth."""
    test = (margin - np.abs(got.difference[:, 0] + truth)) / got.error[:, 0]
    return np.asarray(stats.t.sf(test, got.freedom[:, 0]) < LEVEL)


LOOKS = (3, 5, 8, 10, 15, 20)


def look(truth: float, studies: int, random: np.random.Generator, margin: float = 0.05) -> dict[str, float]:
    """Percentages over studies of eight conditions with `LOOKS`, of which L1 has an effect of `truth`.

    "different" and "equivalent": L1 got this verdict at the look at which the study ended, which is when all three
    effects had a verdict, or the last one. "seeds" is the mean number of seeds by then.
    """
    values = (
        99.5 + random.normal(0, SEED_SD, (studies, LOOKS[-1], 1)) + SD * random.normal(size=(studies, LOOKS[-1], 8))
    )
    values = values + truth * DESIGN[:, 0]
    running, ended = np.ones(studies, bool), np.zeros(studies)
    counts = {"different": 0, "equivalent": 0}
    for seeds in LOOKS:
        got, levels = estimate(values[:, :seeds], EIGHT), plan.levels(LOOKS, seeds)
        different = holm(got.p()) < levels.difference
        same = stats.t.sf((margin - np.abs(got.difference)) / got.error, got.freedom) < levels.equivalence
        ends = running & ((different | same).all(axis=1) | (seeds == LOOKS[-1]))
        counts["different"] += int((ends & different[:, 0]).sum())
        counts["equivalent"] += int((ends & same[:, 0] & ~different[:, 0]).sum())
        ended[ends], running = seeds, running & ~ends
    return {key: 100 * count / studies for key, count in counts.items()} | {"seeds": float(ended.mean())}


def new_images(seeds: int, truth: float, studies: int, random: np.random.Generator) -> dict[str, float]:
    """Percentages over studies of two conditions, each on a new test set of 10,000 images of which 181 are in doubt.

    The factor changes the chance of an error on each of these by 0.2, up or down, and all together by `truth` points.
    For both intervals: whether they have the truth, and whether equivalence within 0.05 points is said.
    """
    counts = dict.fromkeys(("covers", "covers new", "equivalent", "equivalent new"), 0)
    weights, doubtful = np.array([-1.0, 1.0]), 181
    for _ in range(studies):
        chance = 0.25 + 0.5 * random.beta(0.3, 0.3, doubtful)
        change = random.choice([-0.2, 0.2], doubtful) - truth * 100 / doubtful
        wrong = random.random((seeds, 2, doubtful)) < np.stack([chance, chance + change])
        group = random.integers(0, images.GROUPS, doubtful)
        table = -100 * wrong @ np.eye(images.GROUPS)[group] / (10_000 / images.GROUPS)
        runs = Runs(table.mean(axis=2), np.full((seeds, 2), "torch"), [np.arange(2)], {})
        test = paired(runs.values, weights)
        for name, one in (("", test), (" new", images.widened(test, runs, weights, table))):
            low, high = one.interval() if one is not None and one.testable else (-np.inf, np.inf)
            counts[f"covers{name}"] += low <= truth <= high
            counts[f"equivalent{name}"] += one is not None and one.testable and one.p_equivalence(0.05) < LEVEL
    return {key: 100 * count / studies for key, count in counts.items()}


def peeking(studies: int, random: np.random.Generator) -> float:
    """In how many percent of studies without any effect a single test finds one at 3, 5, 8, 10 or 20 seeds."""
    each = random.normal(size=(studies, 20, 1))
    found = [2 * stats.t.sf(abs(t), n - 1) < LEVEL for n in (3, 5, 8, 10, 20) for t in [_t(each[:, :n, 0])]]
    return 100 * float(np.any(found, axis=0).mean())


def _t(each: np.ndarray) -> np.ndarray:
    return np.asarray(each.mean(axis=1) / each.std(axis=1, ddof=1) * each.shape[1] ** 0.5)


def published(seeds: int, of: int, studies: int, random: np.random.Generator) -> dict[str, float]:
    """In how many percent the best of so many more runs is outside: of one more run, and of the best of three."""
    measured, other = random.normal(size=(studies, seeds)), random.normal(size=(studies, of)).max(axis=1)
    distance = (other - measured.mean(axis=1)) / measured.std(axis=1, ddof=1) / (1 + 1 / seeds) ** 0.5
    p = 2 * stats.t.sf(np.abs(distance), seeds - 1)
    best = np.where(distance > 0, p < LEVEL / BEST_OF, p < LEVEL)
    return {"one more": 100 * float((p < LEVEL).mean()), "best of three": 100 * float(best.mean())}


def table(heading: str, rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join([heading, re.sub("[^|]+", "---", heading), *(f"| {' | '.join(row)} |" for row in rows)])


def main_table(studies: int, seed: int) -> str:
    """The wrong and right answers of each cell, with 3, 5 and 10 seeds: before → now."""
    rows = []
    for place, cell in enumerate(CELLS):
        found = [simulate(cell, n, studies, np.random.default_rng([seed, place, n])) for n in SEEDS]
        cells = [
            " → ".join(" / ".join(f"{one[f'{key} {when}']:.{digits}f}" for one in found) for when in ("before", "now"))
            for key, digits in (("cover", 1), ("family", 1), ("equivalent", 1), ("found", 0), ("none", 0))
        ]
        rows.append([cell.name, *cells])
        print(" | ".join(rows[-1]), flush=True)
    heading = (
        "| runs | coverage | false better or worse | false equivalent | found | equivalent if there is no effect |"
    )
    return table(heading, rows)


def more_tables(studies: int, seed: int) -> str:
    """New images, looks, published values."""
    random = np.random.default_rng([seed, 99])
    rows = []
    for n in SEEDS:
        none, at = (new_images(n, truth, studies // 4, random) for truth in (0.0, 0.05))
        cells = [f"{none[f'covers{new}']:.1f}" for new in ("", " new")]
        cells += [f"{at[f'equivalent{new}']:.1f}" for new in ("", " new")]
        rows.append([str(n), *cells, *(f"{none[f'equivalent{new}']:.0f}" for new in ("", " new"))])
    kinds = "these images | new images"
    heading = f"| seeds | covers: {kinds} | false equivalent: {kinds} | equivalent if there is no effect: {kinds} |"
    parts = [table(heading, rows)]
    rows = []
    for truth in (0.0, 0.02, 0.05, 0.1):
        got = look(truth, studies, random)
        rows.append([f"{truth:g}", f"{got['different']:.1f}", f"{got['equivalent']:.1f}", f"{got['seeds']:.1f}"])
    parts.append(table("| effect of L1 in points | better or worse, % | equivalent, % | mean seeds |", rows))
    rows = [
        [f"{n}, best of {of}", *(f"{share:.1f}" for share in published(n, of, studies, random).values())]
        for n in SEEDS
        for of in (1, 3, 10)
    ]
    parts.append(table("| seeds, published | outside one more run, % | outside the best of three, % |", rows))
    parts.append(f"Looks without a plan, at 3, 5, 8, 10 and 20 seeds: {peeking(studies, random):.1f} % false findings.")
    return "\n\n".join(parts)


def replace_tables(document: Path | None, parts: dict[str, str]) -> None:
    """Puts texts into a document, each after the comment with its name. None: nothing is done."""
    if document is None:
        return
    text = document.read_text(encoding="utf-8")
    for name, lines in parts.items():
        begin = f"<!-- {name}: benchmarks/ has the script that writes this -->\n\n"
        before, _, rest = text.partition(begin)
        text = before + begin + lines + "\n\n<!-- end -->" + rest.partition("<!-- end -->")[2]
    document.write_text(text, encoding="utf-8")


def main() -> None:
    """Simulates every cell and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000, help="simulated studies of each cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--document", type=Path, help="a file whose tables are replaced")
    arguments = parser.parse_args()
    began = time.monotonic()
    parts = {"calibration": main_table(arguments.studies, arguments.seed)}
    parts["calibration, more"] = more_tables(arguments.studies, arguments.seed)
    print(parts["calibration, more"])
    replace_tables(arguments.document, parts)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
