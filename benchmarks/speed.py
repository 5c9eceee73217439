"""Compares the speed of normreg's engines with a plain notebook loop, in turns in one run. See README.md here.

python benchmarks/speed.py --mnist-dir DIR [--device cuda] [--quick]
"""

import argparse
import datetime
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import measures
import recipes
from harness import usable_cores
from measures import Plan
from table import Table
from worker import CONTESTANTS, NOTEBOOK, Job

from normreg.data import dataset, sources
from normreg.data.specs import DATASETS
from normreg.errors import NormregError

MEASURES: dict[str, Callable[[Job, Plan, Table], None]] = {
    "steps": measures.measure_steps,
    "epochs": measures.measure_epochs,
    "trap": measures.measure_trap,
    "determinism": measures.measure_determinism,
    "accuracy": measures.measure_accuracy,
    "profile": measures.measure_profile,
}
DEFAULT = ("steps", "epochs", "trap", "determinism")
FIRST_ONLY = ("trap", "accuracy", "profile")  # for the first condition only: they take long, or give the same for all
ENDLESS = 100_000  # epochs that the schedules span when only speed is measured
QUICK = {
    "rounds": 2,
    "epoch_rounds": 2,
    "steps": 5,
    "train_images": 640,
    "test_images": 10_000,
    "trap_images": 640,
    "seeds": 2,
    "accuracy_epochs": 1,
}
FULL = {
    "rounds": 7,
    "epoch_rounds": 3,
    "steps": 50,
    "train_images": 60_000,
    "test_images": 10_000,
    "trap_images": 6_000,
    "seeds": 5,
    "accuracy_epochs": 3,
}
GPU_STEPS = 500  # in a turn: fifty steps are too short to be timed


def parse_arguments() -> argparse.Namespace:
    """Reads the command line. Numbers that are not given are None; `make_plan` fills them in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist-dir", help="folder with MNIST's four IDX files; without it they are downloaded")
    parser.add_argument("--quick", action="store_true", help="see that it works: few steps and images, no valid times")
    networks = ["gilf641", "hardayaleva5"]
    parser.add_argument("--networks", nargs="+", choices=recipes.NETWORKS, default=networks)
    conditions = ["none-bn", "l1-bn", "none-gbn"]
    parser.add_argument("--conditions", nargs="+", choices=recipes.CONDITIONS, default=conditions)
    parser.add_argument("--batch-size", type=int, help="images; default: that of the recipe")
    parser.add_argument("--only", nargs="+", choices=MEASURES, help=f"measures to take; default: {' '.join(DEFAULT)}")
    parser.add_argument("--accuracy", action="store_true", help="also compare accuracies over seeds")
    parser.add_argument("--profile", action="store_true", help="also list the operations of a step")
    parser.add_argument("--device", choices=CONTESTANTS, default="cpu", help="where to train")
    parser.add_argument("--processes", type=int, help="side by side; default: number of cores, on a GPU four")
    parser.add_argument("--out", type=Path, help="CSV file to write; default: results/benchmarks/DEVICE.csv")
    for name, value in FULL.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", help=f"{value}, quick {QUICK[name]}")
    return parser.parse_args()


def make_plan(arguments: argparse.Namespace) -> Plan:
    """The amounts to measure: those of the command line, else of `FULL` or `QUICK`."""
    numbers = QUICK if arguments.quick else FULL | ({"steps": GPU_STEPS} if arguments.device == "cuda" else {})
    given = {name: getattr(arguments, name) for name in numbers if getattr(arguments, name) is not None}
    processes = arguments.processes or (4 if arguments.device == "cuda" else usable_cores())
    return Plan(**numbers | given, processes=processes)


def describe_machine(table: Table, device: str, processes: int) -> None:
    """Writes on which machine the figures are measured. Prints a warning if the machine is busy."""
    where = ("machine", "", "")
    cores = usable_cores()
    for item, value in (
        ("date", datetime.date.today().isoformat()),
        ("processor", _processor()),
        ("GPU", _card() if device == "cuda" else "not used"),
        ("usable cores", cores),
        ("Python", platform.python_version()),
        ("torch", version("torch")),
        ("torchvision", version("torchvision")),
        ("processes side by side", processes),
        ("load average before", round(os.getloadavg()[0], 2)),
    ):
        table.value(where, "", item, str(value))
    if os.getloadavg()[0] > 0.3 * cores:
        print("  The machine is busy: absolute times will be wrong, ratios less so.")


def _card() -> str:
    """The GPU's name."""
    import torch

    if not torch.cuda.is_available():
        raise SystemExit(f"error: --device cuda: PyTorch {torch.__version__} sees no CUDA GPU on this machine")
    return torch.cuda.get_device_name()


def _processor() -> str:
    """The processor's name. Only Linux gives the full name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    """Takes the chosen measures, network by network and condition by condition."""
    arguments = parse_arguments()
    chosen = [name for name in arguments.only or DEFAULT if (name, arguments.device) != ("trap", "cuda")]
    chosen += [name for name in ("accuracy", "profile") if getattr(arguments, name) and name not in chosen]
    plan = make_plan(arguments)
    try:
        data = sources.prepare(DATASETS["mnist"], arguments.mnist_dir, Path("resources/download/mnist"))
    except NormregError as error:
        raise SystemExit(f"error: {error}") from None
    out = arguments.out or Path(f"results/benchmarks/{arguments.device}.csv")
    table = Table(out)
    describe_machine(table, arguments.device, plan.processes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mnist.npz"
        dataset.save(data, path)
        for measure in chosen:
            for network in arguments.networks:
                for name in arguments.conditions[: 1 if measure in FIRST_ONLY else None]:
                    condition = recipes.make_condition(network, name, ENDLESS, arguments.batch_size)
                    MEASURES[measure](Job(NOTEBOOK, condition, path, 0, 0, device=arguments.device), plan, table)
    print(f"\nwritten to {out}")


if __name__ == "__main__":
    main()
