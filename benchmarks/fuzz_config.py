"""Fuzzes the configuration: checks many cases by the validating function, and some by a real `snakemake -n`.

python benchmarks/fuzz_config.py [--cases 10000] [--dry-runs 200] [--seed 0]

Prints a table of counts. Stops at the first traceback, bad message, or accepted case that does not train. Then it
prints the smallest such case and ends with status 1.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import fuzzing
from hypothesis import HealthCheck, Phase, given, seed, settings

from normreg.config import study_files

ROOT = Path(__file__).resolve().parents[1]


def count_outcomes(cases: int, start: int, check: Callable[[fuzzing.Case], str]) -> Counter[tuple[str, str]]:
    """Counts the outcomes of `check` over `cases` generated cases, by kind of case and outcome."""
    seen: Counter[tuple[str, str]] = Counter()

    @seed(start)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(fuzzing.CASES)
    def run(case: fuzzing.Case) -> None:
        seen[case.kind, check(case)] += 1

    run()
    return seen


def main() -> None:
    """Runs both parts and prints one table for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10000, help="number of cases in this process, default 10000")
    parser.add_argument("--dry-runs", type=int, default=200, help="number of cases by snakemake -n, default 200")
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study_files.STUDIES = folder / "studies"
        project = fuzzing.copy_project(ROOT, folder / "project")
        for title, cases, check in (
            ("in process", given_.cases, lambda case: fuzzing.check(case, folder / "studies")),
            ("snakemake -n", given_.dry_runs, lambda case: fuzzing.dry_run(case, project, folder / "studies")),
        ):
            if cases:
                started = time.perf_counter()
                report(title, count_outcomes(cases, given_.seed, check), time.perf_counter() - started)


def report(title: str, seen: Counter[tuple[str, str]], seconds: float) -> None:
    """Prints one line per kind of case."""
    print(f"{title}: {sum(seen.values())} cases in {seconds:.0f} s, no traceback")
    for kind in sorted({kind for kind, _ in seen}):
        print(f"  {kind:10} accepted {seen[kind, 'accepted']:6}   refused {seen[kind, 'refused']:6}", flush=True)


if __name__ == "__main__":
    main()
