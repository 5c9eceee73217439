"""Trains epoch by epoch with recorded steps. Draws and interface are the same as in `engines.pytorch.TorchTrainer`.

The results differ from that path only by rounding: the update of the weights and the sums of an epoch are computed in
another order, and batches of the validation split are larger.
"""

from collections.abc import Mapping
from typing import Any

import torch

from normreg.config.condition import Condition
from normreg.data.dataset import Dataset
from normreg.data.normalise import Normaliser
from normreg.data.tensors import to_device
from normreg.engines.contract import DataFacts
from normreg.engines.cudagraph.buffers import EpochBuffers
from normreg.engines.cudagraph.capture import Recorder, cuda_graph
from normreg.engines.cudagraph.contract import supports
from normreg.engines.cudagraph.recording import record_steps
from normreg.engines.cudagraph.sgd import DeviceSGD
from normreg.engines.cudagraph.steps import Step, Validation, training_step
from normreg.errors import ConfigError
from normreg.models.batches import batch_bounds
from normreg.training import draws, penalties
from normreg.training.schedule import make_detached_schedule
from normreg.training.trainer import Trained, Trainer, Validated

VALIDATION_BATCH = 1000
TRAIN, VALIDATE = "train", "validate"
Steps = Mapping[tuple[str, int], Step]  # keys: what a step does, and with how many images


class GraphTrainer(Trainer):
    """Trains one run. Seeds PyTorch's default generators: here for the initial weights, in each epoch for dropout."""

    def __init__(
        self, condition: Condition, seed: int, data: Dataset, device: torch.device, record: Recorder = cuda_graph
    ) -> None:
        """Records every step that training needs. `record` records one step; the default needs a CUDA device.

        Raises:
            ConfigError: this engine does not know a key or a value of the condition; the message names it.
            CaptureError: a step cannot be captured, or its replay gives other bits than the step.
        """
        facts = DataFacts.of(data)
        reason = supports(condition, facts)
        if reason is not None:
            raise ConfigError(f"engine cudagraph: {reason}. Train with --config engine=torch.")
        self.condition, self.seed = condition, seed
        normalise = Normaliser(data.normalise, device)
        self.images, labels = to_device(data.train_images, data.train_labels, device)
        self.sizes = _sizes(len(self.images), condition["batch_size"])
        self.buffers = EpochBuffers(condition, seed, (self.images, labels), len(self.sizes), normalise)
        test_images, self.test_labels = to_device(data.test_images, data.test_labels, device)
        self.test_sizes = _sizes(len(test_images), VALIDATION_BATCH)
        self.validation = Validation(test_images, self.test_labels, normalise)
        self.schedule = make_detached_schedule(condition, len(self.sizes))
        self.model = draws.initial_model(condition, seed, facts.shape).to(device)
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
        """Fills the buffers with rates that differ in every step and epoch, so that a frozen rate is found."""
        self.buffers.fill(epoch, [(0.01 / (epoch + k), 0.9 / (epoch + k)) for k in range(len(self.sizes))])

    def _rewind(self) -> None:
        self.buffers.rewind()
        self.validation.rewind()

    def _rehearse(self, run: Steps) -> None:
        """Runs a short epoch, with the last batch. Its data are not those that were in the buffers when recording."""
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
        objective, loss, correct = self.buffers.totals.tolist()  # the only place where the epoch waits for the device
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
        """Everything that `restore` needs after a finished epoch."""
        return {
            "model": self.model.state_dict(),
            "velocity": list(self.optimizer.velocity),
            "schedule": self.schedule.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from what `state` returned in another process. The next epochs give the same bits as there."""
        # Both copy in place, because replays use the addresses of the tensors.
        self.model.load_state_dict(state["model"])
        for own, saved in zip(self.optimizer.velocity, state["velocity"], strict=True):
            own.copy_(saved)
        self.schedule.restore(state["schedule"])


def _sizes(images: int, batch_size: int) -> list[int]:
    return [stop - start for start, stop in batch_bounds(images, batch_size)]
