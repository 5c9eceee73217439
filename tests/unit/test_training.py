"""Training against a plain PyTorch loop, pairing of conditions, determinism, and runs that diverge."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from normreg.analysis import run_tables
from normreg.engines import pytorch
from normreg.models.build import build
from normreg.training import draws, loop
from normreg.training.objective import PLAIN, Target, make_target, objective
from normreg.training.state import StateFile
from normreg.utils import devices

CPU = torch.device("cpu")


def weights(model):
    return torch.cat([v.double().reshape(-1) for v in model.state_dict().values()])


def without_seconds(history):
    return [dataclasses.replace(row, seconds=0.0) for row in history]


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [
        (6, 3, [(0, 3), (3, 6)]),
        (8, 3, [(0, 3), (3, 6), (6, 8)]),
        (7, 3, [(0, 3), (3, 7)]),  # the last batch of one joins the batch before it
        (2, 4, [(0, 2)]),
        (1, 4, [(0, 1)]),
    ],
)
def test_batches(images, size, expected):
    assert pytorch.batch_bounds(images, size) == expected


def test_official_splits_have_the_published_number_of_batches():
    assert len(pytorch.batch_bounds(60000, 128)) == 469
    assert len(pytorch.batch_bounds(60000, 64)) == 938


@pytest.mark.parametrize("epochs", [1, 2])
def test_equals_a_plain_loop_with_l1_and_weight_decay_and_onecycle(condition, blobs, epochs, run_training):
    chosen = condition(
        epochs=epochs,
        penalty="l1l2",
        lambdas={"l1": 1e-3, "l2": 1e-2},
        dropout=0.0,
        augmentation=[],
        schedule={"onecycle": {"max_lr": 0.1}},
    )
    trained, history = run_training(chosen, 3, blobs)

    torch.manual_seed(draws.stream_seed(3, "init"))
    model = build({"network": "gilf641", "norm": "bn", "num_splits": 1, "dropout": 0.0}).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=epochs * 4)
    pixels = (torch.tensor(blobs.train_images).float() / 255 - 0.1307) / 0.3081
    labels = torch.tensor(blobs.train_labels).long()
    for epoch in range(1, epochs + 1):
        objectives, losses, hits, rate = [], [], 0, optimizer.param_groups[0]["lr"]
        order = torch.randperm(50, generator=draws.generator(3, "order", epoch))
        for chunk in order.split(16):
            logits = model(pixels[chunk].unsqueeze(1))
            loss = F.nll_loss(F.log_softmax(logits, 1), labels[chunk])
            objective = loss + 1e-3 * sum(p.abs().sum() for p in model.parameters())
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()
            schedule.step()
            hits += (logits.argmax(1) == labels[chunk]).sum().item()
            objectives += [objective.item()] * len(chunk)
            losses += [loss.item()] * len(chunk)

    torch.testing.assert_close(weights(trained), weights(model), rtol=1e-4, atol=1e-5)
    last = history[-1]
    assert last.learning_rate == pytest.approx(rate)
    assert last.train_objective == pytest.approx(np.mean(objectives), rel=1e-5)
    assert last.train_loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert last.train_accuracy == pytest.approx(100 * hits / 50)
    with torch.no_grad():
        test = (torch.tensor(blobs.test_images).float().unsqueeze(1) / 255 - 0.1307) / 0.3081
        logits = trained.eval()(test)
    assert last.validation_accuracy == pytest.approx(
        100 * (logits.argmax(1).numpy() == blobs.test_labels).mean(), abs=1e-9
    )
    expected = F.cross_entropy(logits, torch.tensor(blobs.test_labels).long()).item()
    assert last.validation_loss == pytest.approx(expected, rel=1e-5)


def test_learns(condition, blobs, run_training, learnable):
    """With augmentation and dropout, which the comparisons with a plain loop leave out."""
    _, history = run_training(condition(**learnable), 0, blobs)
    assert history[-1].train_loss < math.log(10) / 2
    assert [row.epoch for row in history] == list(range(1, 16))


@pytest.mark.parametrize("norm", ["bn", "gbn"])
def test_same_seed_same_bits_other_seed_other_weights(condition, blobs, norm, run_training):
    chosen = condition(norm=norm, num_splits=2, lambdas={"l1": 1e-4})
    first, first_history = run_training(chosen, 0, blobs)
    second, second_history = run_training(chosen, 0, blobs)
    other, _ = run_training(chosen, 1, blobs)
    assert torch.equal(weights(first), weights(second))
    assert without_seconds(first_history) == without_seconds(second_history)
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize(
    "change", [{"penalty": "l1", "penalty_scope": "weights"}, {"norm": "gbn", "num_splits": 1}, {"epochs": 1}]
)
def test_conditions_of_a_seed_share_initial_weights_order_augmentation_and_dropout(
    condition, blobs, change, run_training
):
    """A condition that differs only in what has no effect (a lambda of 0, one split) trains to the same bits."""
    baseline, _ = run_training(condition(epochs=change.get("epochs", 2)), 5, blobs)
    paired, _ = run_training(condition(**change), 5, blobs)
    assert torch.equal(weights(baseline), weights(paired))


def test_every_epoch_draws_its_own_dropout_masks(condition, blobs):
    trainer = pytorch.TorchTrainer(condition(), 3, blobs, CPU)
    seeds = []
    for epoch in (1, 2):
        trainer.run_epoch(epoch)
        seeds.append(torch.initial_seed())  # the last seed given to PyTorch's default generator
    assert seeds == [draws.stream_seed(3, "dropout", epoch) for epoch in (1, 2)]


def test_order_and_augmentation_do_not_depend_on_the_batch_size(condition, blobs, monkeypatch, run_training):
    seen = []
    apply = pytorch.augmentation.apply
    monkeypatch.setattr(
        pytorch.augmentation, "apply", lambda spec, draws, images: seen.append(apply(spec, draws, images)) or seen[-1]
    )
    for size in (10, 25):
        run_training(condition(batch_size=size, epochs=1), 0, blobs)
    assert torch.equal(torch.cat(seen[:5]), torch.cat(seen[5:]))


def test_order_changes_from_epoch_to_epoch_and_covers_all_images(condition, blobs, monkeypatch, run_training):
    seen = []
    monkeypatch.setattr(pytorch.augmentation, "apply", lambda spec, draws, images: seen.append(images) or images)
    run_training(condition(batch_size=50, epochs=2), 0, blobs)
    first, second = (batch.flatten(1).double().sum(1) for batch in seen)
    assert not torch.equal(first, second)
    expected = torch.tensor(blobs.train_images).flatten(1).double().sum(1).sort().values
    assert torch.equal(first.sort().values, expected)


def test_ghost_batches_really_change_training(condition, blobs, run_training):
    bn, _ = run_training(condition(), 0, blobs)
    gbn, _ = run_training(condition(norm="gbn", num_splits=4), 0, blobs)
    assert not torch.equal(weights(bn), weights(gbn))


def test_step_schedule_goes_by_epochs(condition, blobs, run_training):
    chosen = condition(epochs=5, schedule={"step": {"step_size": 2, "gamma": 0.1}})
    _, history = run_training(chosen, 0, blobs)
    assert [row.learning_rate for row in history] == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.0005])


WILD = {"optimizer": {"name": "sgd", "lr": 1e18, "momentum": 0.9, "nesterov": False}}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (WILD, "optimizer.lr"),
        ({"schedule": {"onecycle": {"max_lr": 1e18}}}, "schedule.onecycle.max_lr"),
        ({"penalty": "l2", "lambdas": {"l2": 1e5}}, "lambdas.l2"),
        ({"penalty": "l1", "lambdas": {"l1": 1e36}}, "lambdas.l1"),
    ],
)
def test_divergence_names_run_epoch_and_likely_key(condition, blobs, change, key, run_training, caplog):
    with caplog.at_level("WARNING", logger="normreg"):
        model, history = run_training(condition(epochs=30, **change), 4, blobs, "mine l1-bn seed 4")
    (message,) = caplog.messages
    assert message.startswith(f"mine l1-bn seed 4: diverged in epoch {len(history)} ")
    assert f"likely key is {key}," in message
    assert [row.diverged for row in history] == [False] * (len(history) - 1) + [True]
    assert torch.isfinite(weights(model)).all()


class Breaking(pytorch.TorchTrainer):
    """A trainer that breaks in an epoch: its validation loss is NaN, or its last step makes a weight infinite."""

    epoch, breaks = 0, {}

    def _train_epoch(self, epoch):
        self.epoch = epoch
        trained = super()._train_epoch(epoch)
        if self.breaks.get(epoch) == "weight":
            with torch.no_grad():
                next(self.model.parameters()).view(-1)[0] = math.inf
        return trained

    def _validate(self):
        found = super()._validate()
        return found._replace(loss=math.nan) if self.breaks.get(self.epoch) == "validation" else found


@pytest.mark.parametrize("what", ["validation", "weight"])
@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_a_diverged_run_is_that_of_the_epochs_before(condition, blobs, tmp_path, run_training, what, epoch):
    """The same run with fewer epochs is the truth, or the initial weights. A killed one goes on to the same end."""
    chosen = condition(epochs=4, **({"validate_every": 9} if what == "weight" and epoch < 4 else {}))
    trainer, state = Breaking(chosen, 0, blobs, CPU), StateFile(tmp_path / "s.pt", {})
    trainer.breaks = {epoch: what}
    initial = weights(trainer.model)
    history = loop.train(trainer, "x", state)
    shorter = chosen | {"epochs": epoch - 1}
    model, rows = run_training(shorter, 0, blobs) if epoch > 1 else (None, [])
    assert torch.equal(weights(trainer.model), weights(model) if model else initial)
    assert [row.train_objective for row in history] == [*(row.train_objective for row in rows), None]
    assert history[-1].epoch == epoch
    again = Breaking(chosen, 0, blobs, CPU)
    again.breaks = trainer.breaks
    assert without_seconds(loop.train(again, "x", state)) == without_seconds(history)
    assert torch.equal(weights(again.model), weights(trainer.model))
    loop.write_metrics(history, tmp_path / "metrics.csv", "r")
    table = run_tables.read_metrics(tmp_path / "metrics.csv", ["train_loss"], "r", 4)
    assert table["epoch"].tolist() == list(range(1, epoch))
    assert run_tables.diverged_epoch(table, 4) == epoch


def test_progress_line_tells_accuracy_and_time_left(condition, blobs, caplog, run_training):
    with caplog.at_level("INFO", logger="normreg"):
        run_training(condition(), 0, blobs, "mine none-bn seed 0")
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("mine none-bn seed 0: epoch 1/2, training ")
    assert re.search(r"\d s, about \d+ s left$", caplog.messages[0])
    assert caplog.messages[1].endswith(" s")  # nothing is left
    assert "left" not in caplog.messages[1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "1 s"), (119.4, "119 s"), (120, "2 min"), (7164, "119 min"), (12000, "3 h 20 min")],
)
def test_durations(seconds, text):
    assert loop.duration(seconds) == text


@pytest.mark.parametrize(("every", "epochs"), [(2, {2, 4, 5}), (9, {5})])
def test_validation_now_and_then_changes_no_weight_and_comes_after_the_last_epoch(
    condition, blobs, run_training, tmp_path, every, epochs
):
    """The file on disk says the same, and so does the state of a killed run."""
    always, whole = run_training(condition(epochs=5), 0, blobs)
    model, history = run_training(condition(epochs=5, validate_every=every), 0, blobs)
    assert torch.equal(weights(model), weights(always))
    for row, full in zip(without_seconds(history), without_seconds(whole), strict=True):
        empty = {} if row.epoch in epochs else {"validation_loss": None, "validation_accuracy": None}
        assert row == dataclasses.replace(full, **empty)
    loop.write_metrics(history, tmp_path / "metrics.csv", "r")
    table = run_tables.read_metrics(tmp_path / "metrics.csv", ["validation_accuracy"], "r", 5)
    assert set(table["epoch"][~np.isnan(table["validation_accuracy"])].tolist()) == epochs


def test_equals_a_plain_loop_with_adamw_and_cosine(condition, blobs, run_training):
    """Decay of the scope alone, two epochs of four batches, the first of them warm-up."""
    chosen = condition(
        epochs=2,
        penalty="l1l2",
        penalty_scope="no-norm",
        lambdas={"l1": 1e-3, "l2": 0.3},
        dropout=0.0,
        augmentation=[],
        optimizer={"name": "adamw", "lr": 0.01, "beta1": 0.8, "beta2": 0.99},
        schedule={"cosine": {"warmup_epochs": 1, "min_lr": 0.001}},
    )
    trained, _ = run_training(chosen, 3, blobs)

    torch.manual_seed(draws.stream_seed(3, "init"))
    model = build({"network": "gilf641", "norm": "bn", "num_splits": 1, "dropout": 0.0}).train()
    inside = [p for p in model.parameters() if p.ndim == 4]  # convolutions; norms have vectors
    outside = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": inside, "weight_decay": 0.3}, {"params": outside, "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.8, 0.99))
    pixels = (torch.tensor(blobs.train_images).float() / 255 - 0.1307) / 0.3081
    labels = torch.tensor(blobs.train_labels).long()
    rates = [0.01 * (0.01 + 0.99 * t / 4) for t in range(4)]
    rates += [0.001 + 0.009 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)]
    for epoch in (1, 2):
        order = torch.randperm(50, generator=draws.generator(3, "order", epoch))
        for chunk in order.split(16):
            for group in optimizer.param_groups:
                group["lr"] = rates[0]
            rates.pop(0)
            loss = F.cross_entropy(model(pixels[chunk].unsqueeze(1)), labels[chunk])
            optimizer.zero_grad()
            (loss + 1e-3 * sum(p.abs().sum() for p in inside)).backward()
            optimizer.step()
    torch.testing.assert_close(weights(trained), weights(model), rtol=1e-4, atol=1e-5)


def test_cuda_without_a_gpu_is_a_clear_error():
    if torch.cuda.is_available():
        assert devices.resolve("cuda", 1).type == "cuda"
    else:
        with pytest.raises(devices.NormregError, match=r"device: found 'cuda'.*--config device=cpu"):
            devices.resolve("cuda", 1)
    assert devices.resolve("cpu", 1) == CPU


# --- what is minimised, and other optimizers


def test_smoothing_and_balanced_weights_enter_the_objective_alone():
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 2, 0])
    target = make_target({"class_weights": "balanced", "label_smoothing": 0.3}, labels, 3)
    weights = torch.tensor([4 / 9, 1.0, 4 / 3], dtype=torch.float64)  # 4 images / 3 classes / 3, none, 1 of the class
    torch.testing.assert_close(target.weights.double(), weights)
    value, figures = objective(
        nn.Identity(), logits, labels, [], {"l1": 0, "l2": 0, "group_l2": 0}, Target(0.3, weights)
    )
    goal = 0.7 * F.one_hot(labels, 3) + 0.1  # 0.3 in equal parts
    each = -(goal * weights * F.log_softmax(logits, 1)).sum(1)
    assert value.item() == pytest.approx((each.sum() / weights[labels].sum()).item())
    plain = -F.log_softmax(logits, 1)[range(4), labels].mean().item()
    assert figures.tolist() == pytest.approx([value.item(), plain, 0.75])
    assert make_target({"class_weights": "none", "label_smoothing": 0.0}, labels, 3) == PLAIN


def test_equals_a_plain_loop_with_adam_and_smoothing(condition, blobs, run_training):
    """Adam's L2 is a part of the gradient, and so of both moments."""
    rates = {"name": "adam", "lr": 1e-3, "beta1": 0.8, "beta2": 0.99}
    plain = {"dropout": 0.0, "augmentation": [], "label_smoothing": 0.2, "optimizer": rates, "epochs": 2}
    trained, history = run_training(condition(**plain, lambdas={"l2": 0.1}), 3, blobs)
    torch.manual_seed(draws.stream_seed(3, "init"))
    model = build({"network": "gilf641", "norm": "bn", "num_splits": 1, "dropout": 0.0}).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.8, 0.99))
    fit = nn.CrossEntropyLoss(label_smoothing=0.2)
    pixels = (torch.tensor(blobs.train_images).float() / 255 - 0.1307) / 0.3081
    labels = torch.tensor(blobs.train_labels).long()
    for epoch in (1, 2):
        order = torch.randperm(50, generator=draws.generator(3, "order", epoch))
        for chunk in order.split(16):
            optimizer.zero_grad()
            fit(model(pixels[chunk].unsqueeze(1)), labels[chunk]).backward()
            for parameter in model.parameters():
                parameter.grad += 0.1 * parameter.detach()
            optimizer.step()
    torch.testing.assert_close(weights(trained), weights(model), rtol=1e-3, atol=1e-4)
    assert history[-1].train_objective > history[-1].train_loss > 0
