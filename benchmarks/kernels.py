"""Measures the kernels of the CPU engine one by one, in real training steps: time, arithmetic and memory of each.

    .venv/bin/python benchmarks/kernels.py [--networks hardayaleva5 ...] [--processes 2] [--rounds 12]

docs/engine.md shows a result. Images are random, because the time of a kernel does not depend on them.
"""

import argparse
import multiprocessing
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import recipes
from harness import Spread, usable_cores
from peak import gemm, multiply_adds, peak_label
from table import Table
from worker import KERNELS, set_threads

from normreg.config.condition import Condition
from normreg.engines.numba_cpu.stages import Stage, make_stages
from normreg.engines.numba_cpu.steps import Kind
from normreg.engines.numba_cpu.tiles import LANES
from normreg.models.description import MNIST_LIKE
from normreg.models.networks import built_in

STEPS = 50  # in a round
ENDLESS = 100_000  # epochs of the schedule
FLOAT = 4  # bytes
MACHINE = ("gemm", "peak")  # what `measure` says about the machine


class Clock:
    """The seconds of each kernel in each round, while it is `running`."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, float]] = []
        self.running = False

    def watch(self, network: Any) -> None:
        """Times all calls of an `EngineNetwork`: while the clock is running, each is run alone."""
        run, names = network.run, {address: name.replace("_", " ") for name, address in network.addresses.items()}

        def run_each(calls: Any, batch: Any, key: int, totals: Any) -> int:
            if not self.running:
                return int(run(calls, batch, key, totals))
            for k in range(len(calls)):
                started = time.perf_counter()
                batch = replace(batch, counter=run(calls[k : k + 1], batch, key, totals))
                name = names.get(calls[k]["address"]) or Kind(calls[k]["kind"]).name.lower()
                self.rounds[-1][name] += time.perf_counter() - started
            return int(batch.counter)

        network.run, shared = run_each, network.shared
        timed = {name: self._timed(name, getattr(shared, name)) for name in ("warp", "sgd")}
        network.shared = SimpleNamespace(run=shared.run, **timed)

    def _timed(self, name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            started = time.perf_counter()
            result = kernel(*arguments)
            self.rounds[-1][name] += self.running * (time.perf_counter() - started)
            return result

        return call


def measure(condition: Condition, rounds: int) -> dict[str, float]:
    """Median milliseconds of each kernel in a training step, and "gemm" and "peak" in GFLOP/s, see `peak.py`.

    "step" is a step as it is, and "timed step" one whose kernels are timed: each is then called from Python.
    """
    set_threads(1)
    import numpy as np

    from normreg.data.dataset import Dataset
    from normreg.engines.numba_cpu.trainer import EngineTrainer

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (STEPS * condition["batch_size"], 28, 28), dtype=np.uint8)
    labels = random.integers(0, 10, len(images)).astype(np.uint8)
    data = Dataset(images, labels, images[:1], labels[:1], np.arange(10).astype(str))
    trainer, clock, peaks = EngineTrainer(condition, 0, data, KERNELS), Clock(), []
    clock.watch(trainer.network)
    for number in range(1 + rounds):  # the first one is a warm-up
        clock.rounds.append(defaultdict(float))
        for name, running in (("step", False), ("timed step", True)):
            clock.running, started = running, time.perf_counter()
            trainer.run_epoch(1 + 2 * number + running)
            clock.rounds[-1][name] = time.perf_counter() - started
        peaks.append((gemm("cpu"), multiply_adds()))
    found = {name: 1e3 / STEPS * statistics.median(own[name] for own in clock.rounds[1:]) for name in clock.rounds[0]}
    return found | {name: statistics.median(own) for name, own in zip(MACHINE, zip(*peaks, strict=True), strict=True)}


def side_by_side(condition: Condition, rounds: int, processes: int) -> list[dict[str, float]]:
    """`measure` in several processes at the same time."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.starmap(measure, [(condition, rounds)] * processes)


def work_of(stages: Sequence[Stage], index: int, way: str, images: int) -> tuple[float, float]:
    """The arithmetic of a kernel in GFLOP, and the memory that it reads or writes at least once, in MB.

    A multiply-add counts as two operations, also those with padding, which the kernels partly leave out. Backward are
    the gradient of the weights and, but for the first stage, of the input. Arrays of one block do not count, because
    the next block uses them again.
    """
    stage, before = stages[index], stages[index - 1] if index else None
    flops = 2 * stage.outputs * stage.size**2 * stage.inputs * stage.kernel**2 * images
    vectors = -(-images // LANES) * LANES * FLOAT
    output = stage.outputs * stage.size**2
    earlier = before.outputs * before.size**2 if before else stage.inputs * stage.side**2
    if way == "forward":
        return flops / 1e9, (earlier + output) * vectors / 1e6
    gradients = stage.outputs * stage.pooled**2 + (before.outputs * before.pooled**2 if before else 0)
    return (2 if index else 1) * flops / 1e9, (earlier + output + gradients) * vectors / 1e6


def write(table: Table, condition: Condition, stages: Sequence[Stage], found: Sequence[Mapping[str, float]]) -> None:
    """Writes the rows of one network: medians over the processes."""
    images = condition["batch_size"]
    where = ("kernels", condition["network"], f"{images} images")
    known = {name: Spread.of([one[name] for one in found]) for name in found[0] if name not in MACHINE}
    product, peak = (statistics.median(one[name] for one in found) for name in MACHINE)
    table.value(where, "machine", f"float32 product of matrices, {len(found)} at a time", product, "GFLOP/s")
    table.value(where, "machine", f"{peak_label('cpu')}, {len(found)} at a time", peak, "GFLOP/s")
    table.spread(where, "step", "", known["step"], "ms")
    total = 0.0
    for name in known:
        way, _, index = name.partition(" ")
        if not index.isdigit():
            continue
        flops, memory = work_of(stages, int(index), way, images)
        total += flops
        stage = stages[int(index)]
        label = f"{name}: {stage.kernel}x{stage.kernel}, {stage.inputs}->{stage.outputs}, {stage.size}"
        milliseconds = known[name].median
        table.spread(where, label, "", known[name], "ms")
        table.value(where, label, "speed", flops / milliseconds * 1e3, "GFLOP/s")
        table.value(where, label, "share of the peak", 100 * flops / milliseconds * 1e3 / peak, "%")
        table.value(where, label, "memory", memory, "MB")
    for name in (name for name in known if not name[-1].isdigit() and name != "step"):
        table.spread(where, name, "", known[name], "ms")
    inside = sum(spread.median for name, spread in known.items() if "step" not in name)
    table.value(where, "Python and PyTorch", "", known["timed step"].median - inside, "ms")
    table.value(where, "step", "share of the peak", 100 * total / known["step"].median * 1e3 / peak, "%")


def main() -> None:
    """Measures one network after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=recipes.NETWORKS, default=list(recipes.NETWORKS))
    parser.add_argument("--processes", type=int, default=usable_cores(), help="side by side, each with one thread")
    parser.add_argument("--rounds", type=int, default=12, help=f"of {STEPS} steps")
    parser.add_argument("--batch-size", type=int, help="images; default: that of the recipe")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/kernels.csv"))
    arguments = parser.parse_args()
    table = Table(arguments.out)
    for network in arguments.networks:
        condition = recipes.make_condition(network, "none-bn", ENDLESS, arguments.batch_size)
        condition["validate_every"] = ENDLESS
        found = side_by_side(condition, arguments.rounds, arguments.processes)
        write(table, condition, make_stages(built_in(network), MNIST_LIKE), found)


if __name__ == "__main__":
    main()
