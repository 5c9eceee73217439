"""Measures a whole study: runs the workflow in a temporary copy of the project and adds up the times of its jobs.

    python benchmarks/phases.py [--cores 2] [--config epochs=1 ...] [--quick]

Seconds per job come from Snakemake's own records (.snakemake/metadata). They count from the start of the job to the
time of its last output. So they include the start of Python and the imports.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from commands import SNAKEMAKE, copy_project, measure
from harness import Spread, usable_cores
from table import Table

IMPORTS = ("sys", "torch", "torchvision", "matplotlib.pyplot", "pandas", "snakemake.cli")


def rule_seconds(records: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Seconds of every job by rule, longest rule first. Snakemake keeps one record per output; a job has one log."""
    jobs: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        jobs[record["rule"], " ".join(record["log"])].append(record)
    rules: dict[str, list[float]] = defaultdict(list)
    for (rule, _), outputs in jobs.items():
        rules[rule].append(max(r["endtime"] for r in outputs) - min(r["starttime"] for r in outputs))
    return dict(sorted(rules.items(), key=lambda pair: -sum(pair[1])))


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Snakemake's records of the outputs in a working directory."""
    files = (file for file in (folder / ".snakemake/metadata").rglob("*") if file.is_file())
    return [json.loads(file.read_text()) for file in files]


def write_phases(table: Table, seconds: Mapping[str, list[float]], wall: float, cores: int) -> None:
    """Writes one row per rule with its share of all job seconds, then the wall time and how busy the cores were."""
    total = sum(sum(values) for values in seconds.values())
    for rule, values in seconds.items():
        table.value(("rules", "", ""), rule, f"jobs: {len(values)}, longest {max(values):.1f} s", sum(values), "s")
    for rule, values in seconds.items():
        table.value(("share of job seconds", "", ""), rule, "", 100 * sum(values) / total, "%")
    where = ("study", "", "")
    table.value(where, "snakemake", f"wall time on {cores} cores", wall, "s")
    table.value(where, "snakemake", "sum over jobs", total, "s")
    table.value(where, "snakemake", "cores kept busy", 100 * total / (cores * wall), "%")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=usable_cores(), help="for snakemake --cores; default: all")
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="added to dataset=digits device=cpu; last wins"
    )
    parser.add_argument("--repeats", type=int, default=5, help="number of dry runs, and of imports of each module")
    parser.add_argument("--quick", action="store_true", help="one epoch and one repeat, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/phases.csv"), help="CSV file to write")
    return parser.parse_args()


def main() -> None:
    """Runs the study, then the dry runs, the report and the imports."""
    arguments = parse_arguments()
    pairs = dict(item.split("=", 1) for item in ["dataset=digits", "device=cpu", *arguments.config])
    if arguments.quick:
        pairs.setdefault("epochs", "1")
    repeats = 1 if arguments.quick else arguments.repeats
    table = Table(arguments.out)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        config = ["--config", *(f"{key}={value}" for key, value in pairs.items())]
        snakemake = [*SNAKEMAKE, "--cores", str(arguments.cores)]
        wall = measure([*snakemake, *config], folder).seconds
        write_phases(table, rule_seconds(read_records(folder)), wall, arguments.cores)
        dry = Spread.of([measure([*snakemake, "-n", *config], folder).seconds for _ in range(repeats)])
        table.spread(("overhead", "", ""), "snakemake -n", "nothing to be done", dry, "s")
        report = measure([*snakemake, "--report", "report.html", *config], folder).seconds
        table.value(("overhead", "", ""), "snakemake --report", "", report, "s")
        for module in IMPORTS:
            times = [measure([sys.executable, "-c", f"import {module}"], folder).seconds for _ in range(repeats)]
            item = "Python alone" if module == "sys" else f"Python with import {module}"
            table.spread(("imports", "", ""), "", item, Spread.of(times), "s")
    print(f"\nwritten to {arguments.out}")


if __name__ == "__main__":
    main()
