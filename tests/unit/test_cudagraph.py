"""The CUDA graph engine on the CPU: its steps against PyTorch's path, and recorded steps against the steps."""

import dataclasses
import gc
import types

import pytest
import tape
import torch
from thinned import thinned

from normreg.config.dataset_spec import MNIST_PIXELS
from normreg.data import augmentation
from normreg.data.normalise import Normaliser
from normreg.engines import pytorch, select
from normreg.engines.cudagraph import buffers, capture, sgd, steps
from normreg.engines.cudagraph import trainer as graph_trainer
from normreg.engines.cudagraph.capture import CaptureError
from normreg.engines.cudagraph.trainer import GraphTrainer
from normreg.engines.pytorch import TorchTrainer
from normreg.models.build import build
from normreg.models.layers import Dropout
from normreg.training import penalties, streams
from normreg.training.loop import train
from normreg.training.state import StateFile

CPU = torch.device("cpu")
ONECYCLE = {"schedule": {"onecycle": {"max_lr": 0.1, "pct_start": 0.3}}}
COSINE = {"schedule": {"cosine": {"warmup_epochs": 1, "min_lr": 0.0}}}
STEP = {"schedule": {"step": {"step_size": 1, "gamma": 0.5}}}
JITTER = [{"affine": {"degrees": 10, "translate": 0.1, "scale": [0.9, 1.1], "fill": 0}}]
JITTER += [{"jitter": {"brightness": 0.2, "contrast": 0.2}}]
GBN = {"norm": "gbn", "num_splits": 2}
PENALTIES = {
    "none": {},
    "l1": {"l1": 1e-3},
    "l2": {"l2": 1e-2},
    "l1l2": {"l1": 1e-3, "l2": 1e-2},
    "group_l2": {"group_l2": 1e-3},
}
NESTEROV = {"optimizer": {"lr": 0.05, "momentum": 0.9, "nesterov": True}}
# The 50 images make batches of 16, 16, 16 and 2, or one of 50.
RUNS = {
    "onecycle, gbn, jitter": ONECYCLE | GBN | {"augmentation": JITTER, "lambdas": PENALTIES["l1l2"]},
    "step, bn, nesterov": STEP | NESTEROV | {"lambdas": PENALTIES["l2"]},
    "weights only, cosine": COSINE | {"penalty_scope": "no-norm", "lambdas": PENALTIES["l1l2"]},
    "one batch, no dropout, no augmentation": {"batch_size": 64, "dropout": 0.0, "augmentation": []},
}


@pytest.fixture(params=RUNS.values(), ids=RUNS)
def run(condition, request):
    """A condition of three epochs."""
    return condition(epochs=3, **request.param)


def bits(made):
    return [*made.model.state_dict().values(), *made.optimizer.velocity]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def rows(made, epochs):
    return [dataclasses.replace(made.run_epoch(epoch), seconds=0.0) for epoch in epochs]


@pytest.mark.parametrize(
    ("penalty", "changes"), thinned(list(PENALTIES), [{}, GBN, {"penalty_scope": "weights"}], every=2)
)
def test_an_epoch_is_that_of_pytorchs_path(condition, blobs, penalty, changes):
    lambdas = PENALTIES[penalty]
    chosen = condition(lambdas=lambdas, **ONECYCLE, **changes)
    theirs, ours = TorchTrainer(chosen, 5, blobs, CPU), GraphTrainer(chosen, 5, blobs, CPU, tape.record)
    expected, (row,) = theirs.run_epoch(1), rows(ours, [1])
    for name, value in dataclasses.asdict(row).items():
        assert name == "seconds" or value == pytest.approx(getattr(expected, name), rel=1e-4), name
    for key, value in theirs.model.state_dict().items():
        torch.testing.assert_close(ours.model.state_dict()[key], value, rtol=1e-4, atol=1e-5)


def test_every_epoch_draws_its_own_dropout_masks(condition, blobs):
    made = GraphTrainer(condition(), 3, blobs, CPU, tape.plain)
    seeds = []
    for epoch in (1, 2):
        made.run_epoch(epoch)
        seeds.append(torch.initial_seed())  # the last seed given to PyTorch's default generator
    assert seeds == [streams.stream_seed(3, "dropout", epoch) for epoch in (1, 2)]


def test_replays_change_the_same_bits_as_the_steps(run, blobs):
    eager, recorded = GraphTrainer(run, 2, blobs, CPU, tape.plain), GraphTrainer(run, 2, blobs, CPU, tape.record)
    assert rows(eager, [1, 2, 3]) == rows(recorded, [1, 2, 3])
    assert same(bits(eager), bits(recorded))


def test_more_images_than_are_augmented_at_once_are_those_of_one_call(condition, blobs):
    chosen = condition(augmentation=JITTER)
    many = torch.arange(5000) % len(blobs.train_images)
    images, labels = torch.tensor(blobs.train_images)[many], torch.tensor(blobs.train_labels).long()[many]
    made = buffers.EpochBuffers(chosen, 3, (images, labels), 1, Normaliser(MNIST_PIXELS))
    made.fill(2, [(0.1, 0.9)])
    order = torch.randperm(5000, generator=streams.generator(3, streams.ORDER, 2))
    draws = augmentation.draw(JITTER, 5000, streams.generator(3, streams.AUGMENTATION, 2), (28, 28))
    assert torch.equal(made.images, augmentation.apply(JITTER, draws, images[order]))
    assert torch.equal(made.labels, labels[order])


def test_both_paths_train_on_the_same_images(run, blobs, monkeypatch):
    fed = {pytorch: [], steps: []}
    for module, seen in fed.items():
        real = module.objective

        def note(model, images, labels, *rest, real=real, seen=seen):
            seen.append((images, labels))
            return real(model, images, labels, *rest)

        monkeypatch.setattr(module, "objective", note)
    theirs, ours = TorchTrainer(run, 4, blobs, CPU), GraphTrainer(run, 4, blobs, CPU, tape.plain)
    fed[steps].clear()  # the rehearsal's
    for made in (theirs, ours):
        rows(made, [1, 2])
    expected, found = fed.values()
    assert len(expected) == 2 * len(ours.sizes)
    assert all(same(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("schedule", [ONECYCLE, STEP, COSINE, {}], ids=["onecycle", "step", "cosine", "constant"])
def test_both_paths_have_the_same_rates(condition, blobs, schedule, monkeypatch):
    chosen = condition(epochs=2, **schedule)
    theirs, ours = TorchTrainer(chosen, 0, blobs, CPU), GraphTrainer(chosen, 0, blobs, CPU, tape.plain)
    expected, found = [], []
    (group,) = theirs.optimizer.param_groups
    theirs.optimizer.register_step_pre_hook(lambda *_: expected.append([group["lr"], group["momentum"]]))
    real = sgd.DeviceSGD.step
    monkeypatch.setattr(
        sgd.DeviceSGD, "step", lambda self, g, lr, m: (found.append([lr.item(), m.item()]), real(self, g, lr, m))
    )
    for made in (theirs, ours):
        rows(made, [1, 2])
    assert len(expected) == 8
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=1e-7, atol=0)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_update_is_that_of_pytorchs_sgd(nesterov):
    """In double precision, with weight decay on one of two groups and rates that change every step."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 2, 3, 3), (4,), (1, 5)]
    starts = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    ours, theirs = ([torch.nn.Parameter(value.clone()) for value in starts] for _ in "ab")
    made = sgd.DeviceSGD([(ours[:2], 0.3), (ours[2:], 0.0)], nesterov)
    groups = [{"params": theirs[:2], "weight_decay": 0.3}, {"params": theirs[2:]}]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.5, nesterov=nesterov)
    for step in range(20):
        gradients = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
        rate, momentum = 0.1 / (step + 1), 0.95 - 0.02 * step
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient.clone()
        for group in optimizer.param_groups:
            group.update(lr=rate, momentum=momentum)
        optimizer.step()
        made.step(gradients, torch.tensor(rate, dtype=torch.float64), torch.tensor(momentum, dtype=torch.float64))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size", [1, 7, 30, 1000])
def test_validation_in_batches_of_any_size(condition, blobs, monkeypatch, size):
    monkeypatch.setattr(graph_trainer, "VALIDATION_BATCH", size)
    theirs = TorchTrainer(condition(), 0, blobs, CPU)
    ours = GraphTrainer(condition(), 0, blobs, CPU, tape.record)
    theirs._train_epoch(1)
    ours.model.load_state_dict(theirs.model.state_dict())
    for _ in range(2):  # the sums start at 0 every time
        loss, hits = ours._validate()
        assert (pytest.approx(loss, rel=1e-6), hits) == theirs._validate()


def test_recording_changes_nothing(run, blobs):
    made, fresh = GraphTrainer(run, 6, blobs, CPU, tape.record), TorchTrainer(run, 6, blobs, CPU)
    assert same(made.model.state_dict().values(), fresh.model.state_dict().values())
    assert not any(velocity.any() for velocity in made.optimizer.velocity)
    assert made.schedule.lr == fresh.schedule.lr


def test_goes_on_bit_for_bit_in_another_process(run, blobs, tmp_path):
    whole = GraphTrainer(run, 1, blobs, CPU, tape.record)
    expected = rows(whole, [1, 2, 3])
    first = GraphTrainer(run, 1, blobs, CPU, tape.record)
    rows(first, [1])
    file = StateFile(tmp_path / "state.pt", {})
    file.save({"trainer": first.state(), "history": []})
    second = GraphTrainer(run, 1, blobs, CPU, tape.record)
    second.restore(file.load()["trainer"])
    assert rows(second, [2, 3]) == expected[1:]
    assert same(bits(second), bits(whole))


def test_the_whole_run_through_the_training_loop(run, blobs, tmp_path):
    made = GraphTrainer(run, 0, blobs, CPU, tape.record)
    history = train(made, "x", StateFile(tmp_path / "state.pt", {}))
    assert [row.epoch for row in history] == [1, 2, 3]


def freeze_rates(monkeypatch):
    """Rates as numbers of Python, as PyTorch's SGD takes them."""
    real = buffers.EpochBuffers.rates_now
    monkeypatch.setattr(buffers.EpochBuffers, "rates_now", lambda self: [rate.item() for rate in real(self)])


def test_a_step_that_reads_from_the_device_cannot_be_recorded(condition, blobs, monkeypatch):
    freeze_rates(monkeypatch)
    with pytest.raises(tape.HostReadError):
        GraphTrainer(condition(), 0, blobs, CPU, tape.record)


def count_in_python(monkeypatch):
    """The position in the epoch as a number of Python, which a replay does not count up."""
    batch, rewind, position = buffers.EpochBuffers.batch, buffers.EpochBuffers.rewind, [0]

    def counting_batch(self, size):
        self.start.fill_(position[0])
        position[0] += size
        return batch(self, size)

    def counting_rewind(self):
        position[0] = 0
        rewind(self)

    monkeypatch.setattr(buffers.EpochBuffers, "batch", counting_batch)
    monkeypatch.setattr(buffers.EpochBuffers, "rewind", counting_rewind)


def freeze_momentum(monkeypatch):
    """A momentum that is another number at every call of the step."""
    real, calls = sgd.DeviceSGD.step, []

    def step(self, gradients, rate, momentum):
        calls.append(0)
        real(self, gradients, rate, torch.full_like(momentum, 0.9 / (1 + len(calls) % 4)))

    monkeypatch.setattr(sgd.DeviceSGD, "step", step)


def dropout_without_seed(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    mask = lambda self, x: x * (torch.rand(x.shape, generator=generator) < 0.9)  # noqa: E731
    monkeypatch.setattr(Dropout, "forward", mask)


def new_images_every_epoch(monkeypatch):
    """An epoch's images at a new address, which a replay does not know."""
    fill = buffers.EpochBuffers.fill

    def refill(self, *given):
        self.images = self.images.clone()
        fill(self, *given)

    monkeypatch.setattr(buffers.EpochBuffers, "fill", refill)


def freeze_learning_rate(monkeypatch):
    real = buffers.EpochBuffers.rates_now

    def rates_now(self):
        rate, momentum = real(self)
        return rate.new_tensor(self.rates[0, 0].numpy().item()), momentum

    monkeypatch.setattr(buffers.EpochBuffers, "rates_now", rates_now)


REPLAYS, REPEATS = "replayed training steps give other bits", "give other bits when they are repeated"
FAULTS = [
    (count_in_python, REPLAYS, 16),
    (freeze_momentum, REPLAYS, 16),
    (new_images_every_epoch, REPLAYS, 16),
    (new_images_every_epoch, REPLAYS, 64),
    (freeze_learning_rate, REPLAYS, 64),
    (dropout_without_seed, REPEATS, 16),
]


@pytest.mark.parametrize(("fault", "said", "batch"), FAULTS)
def test_a_recording_that_does_something_else_is_refused(condition, blobs, monkeypatch, fault, said, batch):
    fault(monkeypatch)
    with pytest.raises(CaptureError, match=rf"engine cudagraph: .*{said}.*--config engine=torch"):
        GraphTrainer(condition(batch_size=batch), 0, blobs, CPU, tape.record)


def test_no_graph_of_autograd_is_alive_when_a_step_is_recorded(condition, blobs):
    """On a card its nodes would belong to the default stream, which a capture must not touch."""
    alive = []

    def record(step, rewind):
        gc.collect()
        alive.append([x for x in gc.get_objects() if issubclass(type(x), torch.Tensor) and x.grad_fn is not None])
        for _ in range(2):
            rewind()
            step()
        return step

    gc.collect()
    outside = torch.ones(1, requires_grad=True) * 2  # shows that the search finds one
    GraphTrainer(condition(**RUNS["onecycle, gbn, jitter"]), 0, blobs, CPU, record)
    assert [len(found) for found in alive] == [1] * len(alive)
    assert alive[0][0] is outside


@pytest.mark.parametrize("norm", [{}, GBN], ids=["bn", "gbn"])
def test_a_step_stays_on_its_device(condition, norm):
    """On PyTorch's device without content nothing can be read back, and no tensor may come from the CPU."""
    chosen = condition(augmentation=JITTER, lambdas=PENALTIES["l1l2"] | {"group_l2": 1e-3}, **norm)
    meta = torch.device("meta")
    images, labels = torch.empty(50, 28, 28, dtype=torch.uint8, device=meta), torch.empty(50, device=meta).long()
    model = build(chosen).to(meta)
    inside, outside = penalties.scoped_parameters(model, "weights")
    optimizer = sgd.DeviceSGD([(inside, 0.1), (outside, 0.0)], nesterov=True)
    own = buffers.EpochBuffers(chosen, 0, (images, labels), 4, Normaliser(MNIST_PIXELS))
    training = steps.training_step(model, optimizer, own, inside, chosen["lambdas"], 16)
    validation = steps.Validation(images, labels, Normaliser(MNIST_PIXELS))
    with tape.only_on("meta"):
        training()
        validation.step(model, 20)()
    with pytest.raises(AssertionError, match="cpu"), tape.only_on("meta"):  # the check can fail
        torch.zeros(3).to(meta)


class FakeCuda:
    """In place of torch.cuda: streams that do nothing, and a capture by tape."""

    def __init__(self, monkeypatch, fault=None):
        self.capturing = False
        stream = types.SimpleNamespace(wait_stream=lambda other: None)
        for name, value in {
            "Stream": lambda: stream,
            "current_stream": lambda: stream,
            "stream": lambda chosen: tape.contextlib.nullcontext(),
            "CUDAGraph": tape.Tape,
            "graph": self.graph,
            "get_device_name": lambda: "Card 9",
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)
        self.fault = fault

    @tape.contextlib.contextmanager
    def graph(self, graph, stream):
        self.capturing = True
        try:
            with graph:
                yield
        finally:
            if self.fault:  # as PyTorch ends a capture that failed
                raise RuntimeError("operation failed due to a previous error during capture")


def test_a_captured_step_is_repeated_by_its_replay_without_calling_it(monkeypatch):
    FakeCuda(monkeypatch)
    value, calls = torch.zeros(1), []

    def step():
        calls.append(1)
        value.add_(1)

    replay = capture.cuda_graph(step, value.zero_)
    value.zero_()
    before = len(calls)
    replay()
    replay()
    assert value.item() == 2
    assert len(calls) == before


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (
            RuntimeError("operation not permitted\nwhen stream is capturing"),
            CaptureError,
            r"Card 9 with PyTorch .*\(operation not permitted when stream is capturing\)\. .*engine=torch",
        ),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError, "CUDA out of memory"),
    ],
)
def test_the_first_error_of_a_capture_is_told(monkeypatch, fault, kind, said):
    cuda = FakeCuda(monkeypatch, fault)

    def step():
        if cuda.capturing:
            raise fault

    with pytest.raises(kind, match=said):
        capture.cuda_graph(step, lambda: None)


@pytest.mark.parametrize(
    ("device", "kind", "line"),
    [
        ("cuda", "GraphTrainer", "engine cudagraph"),
        ("cpu", "TorchTrainer", "engine torch (not cudagraph: it needs a CUDA GPU, and the device is cpu)"),
    ],
)
def test_the_engine_is_chosen_by_name(condition, blobs, tmp_path, caplog, monkeypatch, device, kind, line):
    monkeypatch.setattr(graph_trainer, "GraphTrainer", lambda *_: "GraphTrainer")
    monkeypatch.setattr(pytorch, "TorchTrainer", lambda *_: "TorchTrainer")
    with caplog.at_level("INFO", logger="normreg"):
        made, name = select.make_trainer(
            "cudagraph", condition(), 0, blobs, types.SimpleNamespace(type=device), tmp_path
        )
    assert (made, name, caplog.messages) == (kind, line.split()[1], [line])


def test_automatic_leaves_a_gpu_to_pytorch(condition, blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(pytorch, "TorchTrainer", lambda *_: "TorchTrainer")
    made, _ = select.make_trainer("auto", condition(), 0, blobs, types.SimpleNamespace(type="cuda"), tmp_path)
    assert made == "TorchTrainer"
