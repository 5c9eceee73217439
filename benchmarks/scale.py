"""Measures thousands of runs: what Snakemake and the tables cost, without any training.

    python benchmarks/scale.py [--seeds 30 59 118] [--sweep-seeds 5 10 20] [--keep FOLDER]

Two cases, each with more and more seeds, so that anything quadratic shows:

- `six studies`: the controlled and the five published ones on digits, 41 conditions.
- `sweep`: one study of 50 conditions.

Steps of each: a dry run with nothing made; all tables, figures and pages of finished runs, which are made up; a dry run
with nothing left to do; the report. Memory is that of the largest process.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from commands import SNAKEMAKE, copy_project, measure
from harness import usable_cores
from phases import read_records, rule_seconds
from table import Table

from normreg.config import studies, study_files
from normreg.config.studies import Run

MAKER = Path(__file__).with_name("made_up_runs.py")
SWEEP, STRENGTHS = "scale", 21
LONGEST_RULES = 5  # shown


@dataclass(frozen=True)
class Case:
    """Studies that one command makes. `targets` are those of Snakemake, `study` is the configured one."""

    name: str
    study: str
    targets: Sequence[str]
    seeds: Sequence[int]

    def runs(self) -> list[Run]:
        """All studies of the case."""
        others = study_files.published() if "published" in self.targets else []
        return [studies.load_named_run(name) for name in (self.study, *others)]


def write_sweep(folder: Path) -> None:
    """A study of fifty conditions: the eight of `controlled`, and L1 of 21 strengths with both norms."""
    values = [float(f"{1e-6 * 1.7**index:.3g}") for index in range(1, STRENGTHS + 1)]
    sweep = {"over": "lambdas.l1", "values": values, "conditions": ["l1-bn", "l1-gbn"]}
    content = {"extends": "controlled", "sweeps": {"l1": sweep}}
    (folder / f"config/studies/{SWEEP}.yaml").write_text(yaml.safe_dump(content))


def measure_case(case: Case, seeds: int, folder: Path, table: Table, cores: int) -> None:
    """All steps with so many seeds, in a fresh copy of the project."""
    copy_project(folder)
    write_sweep(folder)
    config = ["--config", "dataset=digits", "device=cpu", f"study={case.study}", f"seeds={seeds}"]
    snakemake = [*SNAKEMAKE, "--cores", str(cores)]
    measure([*snakemake, "resources/digits.npz", *config], folder)
    with contextlib.chdir(folder):
        runs = case.runs()
    conditions = sum(len(run.conditions) for run in runs)
    where = (case.name, f"{conditions} conditions x {seeds} seeds", f"{conditions * seeds} runs")

    def step(name: str, *words: str) -> None:
        cost = measure([*snakemake, *words, *config], folder)
        table.value(where, name, "wall time", cost.seconds, "s")
        table.value(where, name, "processor time", cost.processor, "s")
        table.value(where, name, "memory of the largest process", cost.megabytes, "MB")

    step("dry run, nothing made", *case.targets, "-n", "--quiet", "all")
    # Another process, because the memory of this one would count as that of the commands.
    measure([sys.executable, str(MAKER), str(seeds), *(run.name for run in runs)], folder)
    step("adopt the made-up runs", *case.targets, "--touch", "--until", "evaluate")
    step("tables, figures, pages", *case.targets)
    seconds = rule_seconds(record for record in read_records(folder) if record["rule"] not in ("train", "evaluate"))
    for rule in list(seconds)[:LONGEST_RULES]:
        table.value(where, f"rule {rule}", f"jobs: {len(seconds[rule])}, longest", max(seconds[rule]), "s")
    step("dry run, nothing left to do", *case.targets, "-n")
    step("report", *case.targets, "--report", "report.html")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=usable_cores(), help="for snakemake --cores; default: all")
    parser.add_argument(
        "--seeds", type=int, nargs="*", default=[30, 59, 118], help="of the six studies, one after the other"
    )
    parser.add_argument("--sweep-seeds", type=int, nargs="*", default=[5, 10, 20], help="of the sweep")
    parser.add_argument(
        "--keep", type=Path, help="a new folder for the project, the tables and figures of the last case"
    )
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/scale.csv"), help="CSV file to write")
    return parser.parse_args()


def main() -> None:
    """Measures each case with each number of seeds."""
    arguments = parse_arguments()
    table = Table(arguments.out)
    cases = [
        Case("six studies", "controlled", ["all", "published"], arguments.seeds),
        Case("sweep", SWEEP, ["all"], arguments.sweep_seeds),
    ]
    for case in cases:
        for seeds in case.seeds:
            with tempfile.TemporaryDirectory() as name:
                measure_case(case, seeds, Path(name), table, arguments.cores)
                if arguments.keep:
                    shutil.rmtree(arguments.keep / case.name, ignore_errors=True)
                    shutil.copytree(name, arguments.keep / case.name)
    print(f"\nwritten to {arguments.out}")


if __name__ == "__main__":
    main()
