"""The measures. Each is a function that fills the table for one network and condition. Imports no PyTorch."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import combinations

from harness import Fleet, Spread, alternate, ratios, train_side_by_side
from peak import peak_label
from table import Row, Table
from work import training_flops
from worker import CONTESTANTS, ENGINE, LABELS, NOTEBOOK, REFERENCE, Job

UNPINNED = "notebook loop, unpinned"
TOP = 12  # operations listed in a profile


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        rounds: number of turns of each contestant when steps are timed; `epoch_rounds` is the same for epochs.
        steps: training steps in a turn.
        train_images, test_images: number of images in an epoch.
        trap_images: training images in the part of an epoch with which unpinned processes are timed. The number of
            test images is a sixth of it.
        processes: number of processes side by side.
        seeds, accuracy_epochs: seeds and epochs for the comparison of accuracies.
    """

    rounds: int
    epoch_rounds: int
    steps: int
    train_images: int
    test_images: int
    trap_images: int
    processes: int
    seeds: int
    accuracy_epochs: int


def measure_steps(job: Job, plan: Plan, table: Table) -> None:
    """Milliseconds per training step, for one process on one thread, and the share of the machine's peak it reaches."""
    network, name, variants = job.condition["network"], _name(job), CONTESTANTS[job.device]
    batch = job.condition["batch_size"]
    job = replace(job, train_images=plan.steps * batch, test_images=1)
    with ExitStack() as stack:
        fleets = {variant: stack.enter_context(Fleet(_variant(job, variant))) for variant in variants}

        def milliseconds(fleet: Fleet) -> Callable[[], float]:
            return lambda: 1e3 * fleet.ask("epoch")[0]["seconds"] / plan.steps

        values = alternate(
            plan.rounds,
            {variant: milliseconds(fleet) for variant, fleet in fleets.items()}
            | {"peak": lambda: fleets[REFERENCE].ask("peak")[0]},
        )
    where = ("step", network, name)
    _write(table, where, f"{plan.steps} steps of {batch} images", values, variants, "ms/step")
    peak = values["peak"]
    table.spread(where, "machine", peak_label(job.device), Spread.of(peak), "GFLOP/s")
    gflop = training_flops(network) * batch / 1e9
    for variant in variants:
        shares = [100 * gflop / (ms / 1e3) / top for ms, top in zip(values[variant], peak, strict=True)]
        table.spread(where, LABELS[variant], "share of that peak", Spread.of(shares), "%")


def measure_epochs(job: Job, plan: Plan, table: Table) -> None:
    """Seconds per epoch: one process alone, then as many side by side as there are cores, each on one thread."""
    network, name = job.condition["network"], _name(job)
    job = replace(job, train_images=plan.train_images, test_images=plan.test_images)
    for size in dict.fromkeys((1, plan.processes)):
        variants = {variant: _variant(job, variant) for variant in CONTESTANTS[job.device]}
        where = (f"epoch, {size} at a time", network, name)
        _race(table, where, variants, plan.epoch_rounds, size)


def measure_trap(job: Job, plan: Plan, table: Table) -> None:
    """Processes side by side, on a part of an epoch, with and without pinned threads: the cost of PyTorch's default."""
    network, name = job.condition["network"], _name(job)
    job = replace(job, train_images=plan.trap_images, test_images=plan.trap_images // 6)
    notebook = _variant(job, NOTEBOOK)
    variants = {
        NOTEBOOK: notebook,
        UNPINNED: replace(notebook, threads=None),
        REFERENCE: _variant(job, REFERENCE),
    }
    where = (f"unpinned, {plan.processes} at a time", network, name)
    _race(table, where, variants, plan.epoch_rounds, plan.processes)


def _race(table: Table, where: tuple[str, str, str], jobs: dict[str, Job], rounds: int, size: int) -> None:
    """Seconds per epoch of one condition: the wall time, divided by the epochs that all `size` processes ran in it."""
    with ExitStack() as stack:
        fleets = {variant: stack.enter_context(Fleet(job, size)) for variant, job in jobs.items()}

        def seconds(fleet: Fleet) -> Callable[[], float]:
            return lambda: fleet.wall("epoch") / size

        threads = {variant: fleet.ask("threads")[0] for variant, fleet in fleets.items()}
        values = alternate(rounds, {variant: seconds(fleet) for variant, fleet in fleets.items()})
    first = next(iter(jobs.values()))
    epoch = f"{first.train_images} + {first.test_images} images"
    _write(table, where, epoch, values, tuple(jobs), "s/epoch", threads)


def measure_accuracy(job: Job, plan: Plan, table: Table) -> None:
    """Final accuracy over seeds, and the difference from the notebook loop with Welch's 95 % interval."""
    from scipy.stats import ttest_ind

    network, name, variants = job.condition["network"], _name(job), CONTESTANTS[job.device]
    job = replace(job, train_images=plan.train_images, test_images=plan.test_images)
    condition = job.condition.copy()
    condition["epochs"] = plan.accuracy_epochs
    jobs = [
        replace(job, variant=variant, condition=condition, seed=seed)
        for seed in range(plan.seeds)
        for variant in variants
    ]
    answers = train_side_by_side(jobs, plan.accuracy_epochs, plan.processes)
    where = (f"accuracy after {plan.accuracy_epochs} epochs", network, name)
    for key, unit in (("accuracy", "%"), ("loss", "nats")):
        values = {v: [answer[key] for answer in answers[k :: len(variants)]] for k, v in enumerate(variants)}
        for variant in variants:
            _mean_and_deviation(table, where, LABELS[variant], f"validation {key}", values[variant], unit)
        for variant in variants[1:]:
            test = ttest_ind(values[variant], values[NOTEBOOK], equal_var=False)
            low, high = (float(bound) for bound in test.confidence_interval(0.95))
            difference = (sum(values[variant]) - sum(values[NOTEBOOK])) / plan.seeds
            item = f"difference in validation {key}, 95 % Welch interval"
            label = f"{LABELS[variant]} - {LABELS[NOTEBOOK]}"
            table.add(Row(*where, label, item, difference, low, high, plan.seeds, unit))
            table.value(where, label, f"{key}: the interval holds 0", "yes" if low <= 0 <= high else "no")


def measure_determinism(job: Job, plan: Plan, table: Table) -> None:
    """Whether two processes train to weights with the same bits."""
    job = replace(job, train_images=plan.steps * job.condition["batch_size"], test_images=1)
    where = ("determinism", job.condition["network"], _name(job))
    for variant in CONTESTANTS[job.device][1:]:
        digests = set()
        for _ in range(2):
            with Fleet(_variant(job, variant)) as fleet:
                fleet.ask("epoch")
                digests.add(fleet.ask("digest")[0])
        same = "yes" if len(digests) == 1 else "no"
        table.value(where, LABELS[variant], f"identical weights after {plan.steps} steps, twice", same)


def measure_profile(job: Job, plan: Plan, table: Table) -> None:
    """How the time of a step is divided: each operation's own share."""
    job = replace(job, train_images=plan.steps * job.condition["batch_size"], test_images=1)
    for variant in [v for v in CONTESTANTS[job.device] if v != ENGINE]:  # the engine has no operations of PyTorch
        with Fleet(_variant(job, variant)) as fleet:
            shares = fleet.ask("profile")[0]
        where = ("profile", job.condition["network"], _name(job))
        outside = shares.pop("outside operations")
        top = sorted(shares.items(), key=lambda pair: -pair[1])[:TOP]
        for operation, share in top:
            table.value(where, LABELS[variant], operation, 100 * share, "%")
        rest = sum(shares.values()) - sum(share for _, share in top)
        table.value(where, LABELS[variant], "all other operations", 100 * rest, "%")
        table.value(where, LABELS[variant], "outside operations", 100 * outside, "%")


def _write(
    table: Table,
    where: tuple[str, str, str],
    item: str,
    values: dict[str, list[float]],
    variants: tuple[str, ...],
    unit: str,
    threads: dict[str, int] | None = None,
) -> None:
    """The spread of each variant, then how many times as fast as those before it each is, round by round."""
    for variant in variants:
        count = threads[variant] if threads else 1
        own = f"{item}, {count} thread" + ("" if count == 1 else "s")
        table.spread(where, LABELS.get(variant, variant), own, Spread.of(values[variant]), unit)
    for slower, faster in combinations(variants, 2):
        speed = ratios(values[slower], values[faster])
        table.spread(where, LABELS.get(faster, faster), f"speed against {LABELS.get(slower, slower)}", speed, "x")


def _mean_and_deviation(
    table: Table, where: tuple[str, str, str], label: str, item: str, values: list[float], unit: str
) -> None:
    from statistics import mean, stdev

    table.add(Row(*where, label, f"mean {item}", mean(values), min(values), max(values), len(values), unit))
    table.value(where, label, f"standard deviation of {item}", stdev(values), unit)


def _variant(job: Job, variant: str) -> Job:
    return replace(job, variant=variant)


def _name(job: Job) -> str:
    return f"{job.condition['penalty']}-{job.condition['norm']}"
