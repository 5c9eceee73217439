"""Runs workers side by side, and measures contestants in turns, because times on a shared machine drift."""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from worker import Job, serve


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of `count` values."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of `values`, at least one."""
        return cls(statistics.median(values), min(values), max(values), len(values))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """The spread of the ratios. Each ratio is of two values of the same round."""
    return Spread.of([a / b for a, b in zip(numerators, denominators, strict=True)])


def alternate(rounds: int, contestants: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Calls every contestant once per round and returns the values by contestant.

    Every other round goes through the contestants backwards, so that a drift of times favours none of them.
    """
    values: dict[str, list[float]] = {name: [] for name in contestants}
    for index in range(rounds):
        names = list(contestants)
        for name in reversed(names) if index % 2 else names:
            values[name].append(contestants[name]())
    return values


def usable_cores() -> int:
    """Number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Fleet:
    """`size` workers with the same job, as a context manager. The workers end with it, or with this process."""

    def __init__(self, job: Job, size: int = 1) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.processes, self.connections = [], []
        for _ in range(size):
            here, there = spawn.Pipe()
            process = spawn.Process(target=serve, args=(there, job), daemon=True)
            process.start()
            there.close()
            self.processes.append(process)
            self.connections.append(here)

    def __enter__(self) -> "Fleet":
        self._collect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for process, connection in zip(self.processes, self.connections, strict=True):
            if kind is None and process.is_alive():
                connection.send(None)
            else:
                process.terminate()
            process.join()
            connection.close()

    def ask(self, request: str) -> list[Any]:
        """Sends `request` to all workers at the same time and waits for all answers."""
        for connection in self.connections:
            connection.send(request)
        return self._collect()

    def wall(self, request: str) -> float:
        """Seconds from the request to the last worker's answer."""
        started = time.perf_counter()
        self.ask(request)
        return time.perf_counter() - started

    def _collect(self) -> list[Any]:
        try:
            return [connection.recv() for connection in self.connections]
        except EOFError:
            raise RuntimeError("a worker stopped; its error is above") from None


def train_side_by_side(jobs: Sequence[Job], epochs: int, slots: int) -> list[dict[str, float]]:
    """Trains each job in its own process, `slots` at a time, in order. Returns the answers of the last epochs."""

    def train(job: Job) -> dict[str, float]:
        with Fleet(job) as fleet:
            answers: list[dict[str, float]] = [fleet.ask("epoch")[0] for _ in range(epochs)]
        return answers[-1]

    with ThreadPoolExecutor(slots) as pool:
        return list(pool.map(train, jobs))
