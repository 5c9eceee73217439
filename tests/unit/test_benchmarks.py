"""The notebook loop of the benchmarks is the same experiment as normreg's; nothing here measures time."""

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from thinned import thinned
from torchvision import transforms

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import commands
import harness
import made_up_runs
import notebook_loop
import peak
import phases
import recipes
import scale
import table
import work
import worker

from normreg.analysis import summary
from normreg.config import identity, networks, studies
from normreg.data import augmentation, dataset, sources
from normreg.data.specs import DATASETS, MNIST_PIXELS
from normreg.engines import pytorch
from normreg.engines.numba_cpu.machine import LANES
from normreg.models import layers
from normreg.models.build import build
from normreg.training import checkpoint, draws
from normreg.training.evaluation import Normaliser

CPU = torch.device("cpu")
STEP = {"step": {"step_size": 1, "gamma": 0.5}}
FILES = {"metrics": "metrics.csv", "predictions": "predictions.npz", "weights": "weights.csv"}
ONECYCLE = {"onecycle": {"max_lr": 0.1}}


@pytest.mark.parametrize("seed", range(20))
def test_the_transform_is_normregs_augmentation_of_the_same_angle(condition, blobs, seed):
    chosen = condition(augmentation=[{"rotation": {"degrees": 15, "fill": 1}}])
    image = torch.tensor(blobs.train_images[seed])
    torch.manual_seed(seed)
    angle = transforms.RandomRotation.get_params([-15.0, 15.0])
    torch.manual_seed(seed)
    theirs = notebook_loop.make_transform(chosen, training=True)(Image.fromarray(image.numpy()))
    matrix = augmentation.rotation_matrix(torch.tensor([angle], dtype=torch.float64), (28, 28))
    ours = Normaliser(MNIST_PIXELS)(augmentation.warp(image.unsqueeze(0), matrix, 1))
    assert torch.equal(ours[0], theirs)


def test_the_test_transform_does_not_rotate(condition, blobs):
    image = blobs.test_images[0]
    theirs = notebook_loop.make_transform(condition(), training=False)(Image.fromarray(image))
    assert torch.equal(Normaliser(MNIST_PIXELS)(torch.tensor(image).unsqueeze(0))[0], theirs)


@pytest.mark.parametrize("splits", [1, 2, 4])
def test_ghost_batch_norm_is_normregs_in_training_and_when_pooled(splits):
    theirs, ours = notebook_loop.GhostBatchNorm(3, splits), layers.GhostBatchNorm2d(3, splits)
    generator = torch.Generator().manual_seed(0)
    for module in (theirs, ours):
        torch.nn.init.constant_(module.weight, 1.5)
        torch.nn.init.constant_(module.bias, 0.2)
    for _ in range(5):
        x = torch.randn(8, 3, 5, 5, generator=generator) * 2 + 1
        torch.testing.assert_close(theirs(x), ours(x))
    theirs.eval(), ours.eval()
    torch.testing.assert_close(theirs.running_mean, ours.running_mean.repeat(splits))
    torch.testing.assert_close(theirs.running_var, ours.running_var.repeat(splits))
    torch.testing.assert_close(theirs(x), ours(x))


@pytest.mark.parametrize(
    ("network", "changes", "schedule"),
    thinned(
        list(recipes.NETWORKS),
        [{}, {"norm": "gbn", "num_splits": 2, "lambdas": {"l1": 1e-3, "l2": 1e-2}}],
        [STEP, ONECYCLE],
        every=2,
    ),
)
def test_equal_starts_and_order_give_equal_weights(condition, blobs, network, changes, schedule):
    chosen = condition(network=network, batch_size=10, dropout=0.0, augmentation=[], schedule=schedule, **changes)
    ours = pytorch.TorchTrainer(chosen, 0, blobs, CPU)
    order = list(range(50))
    theirs = notebook_loop.Notebook(chosen, 0, blobs, order)
    _copy_parameters(ours.model, theirs.model)
    for epoch in (1, 2):
        order[:] = torch.randperm(50, generator=draws.generator(0, draws.ORDER, epoch)).tolist()
        row, result = ours.run_epoch(epoch), theirs.run_epoch(epoch)
        for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
        assert result.validation_loss == pytest.approx(row.validation_loss, rel=1e-3)
        assert result.train_accuracy == pytest.approx(row.train_accuracy, abs=2.1)  # one image of 50 on the edge


def _copy_parameters(source: torch.nn.Module, target: torch.nn.Module) -> None:
    with torch.no_grad():
        for a, b in zip(source.parameters(), target.parameters(), strict=True):
            b.copy_(a)


@pytest.mark.parametrize("name", recipes.CONDITIONS)
@pytest.mark.parametrize("network", recipes.NETWORKS)
def test_both_build_the_network_of_every_recipe(network, name):
    chosen = recipes.make_condition(network, name, epochs=3)
    ours = build(chosen)
    theirs = notebook_loop.Net(chosen)
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    rates = [m.p for m in theirs.modules() if isinstance(m, torch.nn.Dropout)]
    assert rates == [m.p for m in ours.modules() if isinstance(m, layers.Dropout)]
    assert bool(chosen["lambdas"]["l1"]) == name.startswith("l1")
    assert bool(chosen["lambdas"]["l2"]) == ("l2" in name)


def test_the_first_recipe_is_the_controlled_studys(root, monkeypatch):
    monkeypatch.chdir(root)
    with open("config/config.yaml") as file:
        settings = studies.check_config(yaml.safe_load(file))
    conditions = studies.load_run(settings).conditions
    for name in recipes.CONDITIONS:
        assert recipes.make_condition("gilf641", name, epochs=25) == conditions[name]


def test_multiply_adds_are_the_known_figures():
    assert sum(work.multiply_adds("hardayaleva5")) == pytest.approx(1.244e6, rel=1e-3)
    assert work.training_flops("hardayaleva5") == pytest.approx(7.3e6, rel=5e-3)


@pytest.mark.parametrize("network", recipes.NETWORKS)
def test_multiply_adds_agree_with_what_the_convolutions_do(network):
    counts = []
    model = build({"network": network, "norm": "bn", "num_splits": 1, "dropout": 0.1}).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda m, _, out: counts.append(m.weight.numel() * out[0, 0].numel()))
    model(torch.zeros(1, 1, 28, 28))
    assert work.multiply_adds(network) == counts


def test_contestants_take_turns_and_every_other_round_goes_backwards():
    calls: list[str] = []

    def contestant(name: str) -> Callable[[], float]:
        def call() -> float:
            calls.append(name)
            return float(len(calls))

        return call

    values = harness.alternate(3, {"a": contestant("a"), "b": contestant("b")})
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert values == {"a": [1.0, 4.0, 5.0], "b": [2.0, 3.0, 6.0]}


def test_ratios_are_taken_round_by_round():
    spread = harness.ratios([2.0, 6.0, 40.0], [1.0, 2.0, 4.0])
    assert spread == harness.Spread(median=3.0, low=2.0, high=10.0, count=3)


@pytest.mark.parametrize(("threads", "expected"), [(1, "1"), (None, None)])
def test_a_worker_sets_its_threads_whatever_the_environment_says(monkeypatch, threads, expected):
    for variable in worker.THREAD_VARIABLES:
        monkeypatch.setenv(variable, "7")
    worker.set_threads(threads)
    assert {worker.os.environ.get(variable) for variable in worker.THREAD_VARIABLES} == {expected}


def test_a_job_is_answered_by_a_process_of_its_own(condition, blobs, tmp_path):
    worker_job = _saved_job(condition(batch_size=10, schedule=STEP), blobs, tmp_path)
    (answer,) = harness.train_side_by_side([worker_job], epochs=1, slots=1)
    assert set(answer) == {"seconds", "accuracy", "loss"}
    assert 0 <= answer["accuracy"] <= 100


def _saved_job(chosen, blobs, tmp_path) -> worker.Job:
    from normreg.data import dataset

    dataset.save(blobs, tmp_path / "blobs.npz")
    return worker.Job(worker.REFERENCE, chosen, tmp_path / "blobs.npz", train_images=20, test_images=10)


def test_the_engine_is_a_contestant(condition, blobs, tmp_path, monkeypatch, kernel_cache):
    monkeypatch.setattr(worker, "KERNELS", kernel_cache)
    chosen = condition(batch_size=10, schedule=STEP)
    job = dataclasses.replace(_saved_job(chosen, blobs, tmp_path), variant=worker.ENGINE)
    assert type(worker.build(job, blobs)).__name__ == "EngineTrainer"


def test_table_writes_every_row_at_once(tmp_path, capsys):
    results = table.Table(tmp_path / "new/speed.csv")
    results.spread(("step", "net", "none-bn"), "normreg", "5 steps", harness.Spread(2.0, 1.0, 3.0, 4), "ms/step")
    lines = (tmp_path / "new/speed.csv").read_text().splitlines()
    assert lines[0] == "measure,network,condition,variant,item,value,low,high,count,unit"
    assert lines[1] == "step,net,none-bn,normreg,5 steps,2,1,3,4,ms/step"
    assert "2 ms/step" in capsys.readouterr().out


def test_phases_add_up_jobs_not_outputs():
    def record(rule: str, log: str, start: float, end: float) -> dict:
        return {"rule": rule, "log": [log], "starttime": start, "endtime": end}

    def records() -> Iterator[dict]:
        yield record("figure", "f", 9.0, 10.0)
        yield record("train", "a", 1.0, 3.0)
        yield record("train", "a", 1.0, 4.0)
        yield record("train", "b", 2.0, 7.0)

    assert phases.rule_seconds(records()) == {"train": [3.0, 5.0], "figure": [1.0]}
    assert list(phases.rule_seconds(records())) == ["train", "figure"]


def test_made_up_runs_pass_the_checks_of_real_ones(root, tmp_path, monkeypatch):
    """`scale.py` would measure nothing if the readers refused them."""
    shutil.copytree(root / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    spec = DATASETS["digits"]
    Path("resources").mkdir()
    dataset.save(sources.prepare(spec, None, tmp_path), "resources/digits.npz")
    data = dataset.load("resources/digits.npz", spec.digest)
    run = studies.load_named_run("controlled")
    made_up_runs.make(run, range(2))
    for name, condition in run.conditions.items():
        for seed in range(2):
            network = networks.described(condition["network"])
            facts = identity.run_facts("digits", "controlled", name, condition, seed, spec.train_images, network)
            folder = Path("results/digits/controlled") / name / f"seed{seed}"
            files = {kind: str(folder / file) for kind, file in FILES.items()}
            row = summary.run_summary(facts, files, data.test_labels)
            assert 80 < row["final_accuracy"] < 100
            checkpoint.restore(folder / "checkpoint.pt", facts["identity"], data.digest())


def test_the_sweep_of_the_scale_has_fifty_conditions(root, tmp_path, monkeypatch):
    shutil.copytree(root / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    scale.write_sweep(tmp_path)
    (run,) = scale.Case("sweep", scale.SWEEP, ["all"], [1]).runs()
    assert len(run.conditions) == 50
    six = scale.Case("six", "controlled", ["all", "published"], [1]).runs()
    assert len({run.name for run in six}) == 6


def test_a_command_is_measured_with_its_children(root):
    """In a process of its own, because this one is large, and a command is as large as it before it starts."""
    eater = f"{sys.executable} -c 'x = bytearray(300 * 2**20)'; true"
    program = (
        f"import commands; print(*(commands.measure(['sh', '-c', x], '.').megabytes for x in ({eater!r}, 'true')))"
    )
    folder = root / "benchmarks"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    large, small = map(float, done.stdout.split())
    assert 300 < large < 500
    assert small < 100


def test_a_command_that_fails_ends_the_program_with_its_words(tmp_path):
    with pytest.raises(SystemExit, match="what went wrong"):
        commands.measure(["sh", "-c", "echo what went wrong; exit 3"], tmp_path)


@pytest.mark.parametrize("count", [5, 12])
def test_the_peak_counts_multiply_adds_that_are_done(count, kernel_cache):
    numbers = np.random.default_rng(0).uniform(-1, 1, (2 + count, LANES)).astype(np.float32)
    expected = numbers[2:].astype(np.float64)
    for _ in range(7):
        expected = expected * numbers[0] + numbers[1]
    peak.chains(count)(numbers.reshape(-1).view(np.uint8), 7)
    assert numbers[2:] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert peak.multiply_adds() > 0
