"""Trains epoch by epoch with recorded steps; the same draws, interface and results as `engines.pytorch.TorchTrainer`.

Results differ from that path by rounding: the update of the weights and the sums of an epoch are rounded in another
order, and on the validation split batches are larger.
"""

from collections.abc import Mapping
from typing import Any

import torch

from normreg.config.condition import Condition
from normreg.data.batches import batch_bounds, to_device
from normreg.data.dataset import Dataset
from normreg.engines.contract import DataFacts
from normreg.engines.cudagraph.buffers import EpochBuffers
from normreg.engines.cudagraph.capture import Recorder, cuda_graph
from normreg.engines.cudagraph.contract import supports
from normreg.engines.cudagraph.recording import record_steps
from normreg.engines.cudagraph.sgd import DeviceSGD
from normreg.engines.cudagraph.steps import Step, Validation, training_step
from normreg.errors import ConfigError
from normreg.training import draws, penalties
from normreg.training.schedule import make_detached_schedule
from normreg.training.trainer import Trained, Trainer, Validated

VALIDATION_BATCH = 1000
TRAIN, VALIDATE = "train", "validate"
Steps = Mapping[tuple[str, int], Step]  # by what they do, and how many images they do it with


class GraphTrainer(Trainer):
    """One run. Sets PyTorch's default generators: for the initial weights here, for dropout at each epoch's start."""

    def __init__(
        self, condition: Condition, seed: int, data: Dataset, device: torch.device, record: Recorder = cuda_graph
    ) -> None:
        """Records every step that training needs; `record` is how, and the default needs a CUDA device.

        Raises:
            ConfigError: the condition has a key or a value that is unknown here; the message names it.
            CaptureError: a step cannot be captured, or its replay does not do what the step does.
        """
        reason = supports(condition, DataFacts.of(data))
        if reason is not None:
            raise ConfigError(f"engine cudagraph: {reason}. Train with --config engine=torch.")
        self.condition, self.seed = condition, seed
        self.images, labels = to_device(data.train_images, data.train_labels, device)
        self.sizes = _sizes(len(self.images), condition["batch_size"])
        self.buffers = EpochBuffers(condition, seed, self.images, labels, len(self.sizes))
        test_images, self.test_labels = to_device(data.test_images, data.test_labels, device)
        self.test_sizes = _sizes(len(test_images), VALIDATION_BATCH)
        self.validation = Validation(test_images, self.test_labels)
        self.schedule = make_detached_schedule(condition, len(self.sizes))
        self.model = draws.initial_model(condition, seed).to(device)
        self.penalised, others = penalties.scoped_parameters(self.model, condition["penalty_scope"])
        groups = [(self.penalised, condition["lambdas"]["l2"]), (others, 0.0)]
        self.optimizer = DeviceSGD(groups, condition["optimizer"]["nesterov"])
        self.replays = self._record(record)

    def _record(self, record: Recorder) -> Steps:
        lambdas, model = self.condition["lambdas"], self.model
        steps = {
            (TRAIN, size): training_step(model, self.optimizer, self.buffers, self.penalised, lambdas, size)
            for size in self.sizes
        } | {(VALIDATE, size): self.validation.step(model, size) for size in self.test_sizes}
        self._fill_for_trial(1)
        written = [*model.state_dict().values(), *self.optimizer.velocity]
        written += [*self.buffers.moving, *self.validation.moving]
        return record_steps(steps, self._rewind, record, self._rehearse, written)

    def _fill_for_trial(self, epoch: int) -> None:
        """With rates that, unlike some schedule's, are others in each step and each epoch."""
        self.buffers.fill(epoch, [(0.01 / (epoch + k), 0.9 / (epoch + k)) for k in range(len(self.sizes))])

    def _rewind(self) -> None:
        self.buffers.rewind()
        self.validation.rewind()

    def _rehearse(self, run: Steps) -> None:
        """An epoch of a few batches, the last one among them; another epoch than that in the buffers at recording."""
        self._fill_for_trial(2)
        self._rewind()
        for size in self.sizes if len(self.sizes) <= 4 else [*self.sizes[:3], self.sizes[-1]]:
            run[TRAIN, size]()
        for size in dict.fromkeys(self.test_sizes):
            run[VALIDATE, size]()

    def _train_epoch(self, epoch: int) -> Trained:
        self.buffers.fill(epoch, self._rates())
        torch.manual_seed(draws.dropout_key(self.seed, epoch))
        for size in self.sizes:
            self.replays[TRAIN, size]()
        count = len(self.images)
        objective, loss, correct = self.buffers.totals.tolist()  # here, and only here, the epoch waits for the device
        return Trained(objective / count, loss / count, round(correct))

    def _rates(self) -> list[tuple[float, float]]:
        rates = []
        for _ in self.sizes:
            rates.append((self.schedule.lr, self.schedule.momentum))
            self.schedule.after_batch()
        return rates

    def _validate(self) -> Validated:
        self.validation.rewind()
        for size in self.test_sizes:
            self.replays[VALIDATE, size]()
        loss, correct = self.validation.totals.tolist()
        return Validated(loss / len(self.test_labels), round(correct))

    def state(self) -> dict[str, Any]:
        """Everything `restore` needs after a finished epoch."""
        return {
            "model": self.model.state_dict(),
            "velocity": list(self.optimizer.velocity),
            "schedule": self.schedule.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned in another process; the next epochs are then bit-identical to its next."""
        # Both copy in place: replays know the tensors by their addresses.
        self.model.load_state_dict(state["model"])
        for own, saved in zip(self.optimizer.velocity, state["velocity"], strict=True):
            own.copy_(saved)
        self.schedule.restore(state["schedule"])


def _sizes(images: int, batch_size: int) -> list[int]:
    return [stop - start for start, stop in batch_bounds(images, batch_size)]
