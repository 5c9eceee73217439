"""The plain notebook loop: training as in the published studies, written anew to compare speed and accuracy with it.

It applies torchvision's transforms to one PIL image at a time, uses a DataLoader, calls `.item()` after every step,
sums L1 over the parameters in Python, and tests through a DataLoader. Network, recipe, batch size and number of steps
are those of normreg's condition. On a CPU it has `num_workers=0`, because worker processes would take cores from the
jobs that run side by side. On a GPU it has four workers and pinned memory, as is usual in notebooks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR
from torch.utils.data import DataLoader
from torchvision import transforms

from normreg.config.condition import Condition
from normreg.data.dataset import Dataset
from normreg.models import shapes
from normreg.models.description import MNIST_LIKE, AvgPool, Conv, Layer, MaxPool, Norm, Relu
from normreg.models.networks import built_in


class GhostBatchNorm(nn.BatchNorm2d):
    """Ghost batch norm as published: the batch is viewed as N/S samples of S*C channels, with buffers for every split.

    The buffers of the splits are averaged when the module changes from training to evaluation.
    """

    def __init__(self, num_features: int, num_splits: int) -> None:
        super().__init__(num_features)
        self.num_splits = num_splits
        self.register_buffer("running_mean", torch.zeros(num_features * num_splits))
        self.register_buffer("running_var", torch.ones(num_features * num_splits))

    def train(self, mode: bool = True) -> "GhostBatchNorm":
        """Averages the running statistics when the module changes to evaluation."""
        if self.training and not mode:
            for name in ("running_mean", "running_var"):
                pooled = getattr(self, name).view(self.num_splits, self.num_features).mean(dim=0)
                setattr(self, name, pooled.repeat(self.num_splits))
        super().train(mode)
        return self

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W). In training, N must be a multiple of the number of splits."""
        if not self.training:
            mean, var = self.running_mean[: self.num_features], self.running_var[: self.num_features]
            return F.batch_norm(input, mean, var, self.weight, self.bias, False, self.momentum, self.eps)
        batch, channels, height, width = input.shape
        splits = self.num_splits
        weight, bias = self.weight.repeat(splits), self.bias.repeat(splits)
        folded = input.view(-1, channels * splits, height, width)
        output = F.batch_norm(folded, self.running_mean, self.running_var, weight, bias, True, self.momentum, self.eps)
        return output.view(batch, channels, height, width)


class Net(nn.Module):
    """One of the published networks, built from PyTorch's own layers. Returns log-probabilities (N, 10)."""

    def __init__(self, condition: Condition) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        channels = 1
        for layer in (shapes.fitted(layer, MNIST_LIKE) for layer in built_in(condition["network"]).layers):
            if isinstance(layer, Conv):
                modules.append(nn.Conv2d(channels, layer.channels, layer.kernel, padding=layer.padding, bias=False))
                channels = int(layer.channels)
            else:
                modules.append(_plain(layer, channels, condition))
        self.layers = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 28, 28) -> (N, 10)."""
        return F.log_softmax(self.layers(x).view(-1, 10), dim=1)


def _plain(layer: Layer, channels: int, condition: Condition) -> nn.Module:
    """A layer of the published networks that is no convolution."""
    if isinstance(layer, MaxPool | AvgPool):
        return (nn.MaxPool2d if isinstance(layer, MaxPool) else nn.AvgPool2d)(layer.size)
    if isinstance(layer, Relu):
        return nn.ReLU()
    if isinstance(layer, Norm):
        ghost = condition["norm"] == "gbn"
        return GhostBatchNorm(channels, condition["num_splits"]) if ghost else nn.BatchNorm2d(channels)
    return nn.Dropout(condition["dropout"])


class Images(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Gives images as torchvision's MNIST class does: each access makes a PIL image and transforms it."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: transforms.Compose) -> None:
        self.images, self.labels, self.transform = torch.as_tensor(images), torch.as_tensor(labels), transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, label = self.images[index], int(self.labels[index])
        return self.transform(Image.fromarray(image.numpy())), label


def make_transform(condition: Condition, training: bool) -> transforms.Compose:
    """Rotates the 8-bit image at random (training only), turns it into a tensor and normalises it.

    Other augmentations are not implemented.
    """
    steps: list[object] = []
    for step in condition["augmentation"] if training else ():
        degrees, fill = step["rotation"]["degrees"], step["rotation"]["fill"]
        steps.append(transforms.RandomRotation((-degrees, degrees), fill=(fill,)))
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])


@dataclass(frozen=True)
class Result:
    """The results of an epoch: accuracies in percent, and the mean loss over the test images."""

    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


class Notebook:
    """Model, loaders, optimizer and schedule of one run. `order` is a fixed order of the images; None shuffles them."""

    def __init__(
        self, condition: Condition, seed: int, data: Dataset, order: Sequence[int] | None = None, device: str = "cpu"
    ) -> None:
        torch.manual_seed(seed)
        self.device = device
        self.lambda_l1 = condition["lambdas"]["l1"]
        self.model = Net(condition).to(device)
        batch = condition["batch_size"]
        train = Images(data.train_images, data.train_labels, make_transform(condition, training=True))
        test = Images(data.test_images, data.test_labels, make_transform(condition, training=False))
        gpu = device == "cuda"
        workers = {"num_workers": 4 if gpu else 0, "pin_memory": gpu}
        self.train_loader = DataLoader(train, batch, shuffle=order is None, sampler=order, **workers)
        self.test_loader = DataLoader(test, batch, shuffle=True, **workers)
        settings, decay = condition["optimizer"], condition["lambdas"]["l2"]
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=settings["lr"], momentum=settings["momentum"], weight_decay=decay
        )
        self.scheduler, self.per_batch = self._schedule(condition)

    def _schedule(self, condition: Condition) -> tuple[LRScheduler, bool]:
        ((kind, arguments),) = condition["schedule"].items()
        if kind == "step":
            return StepLR(self.optimizer, **arguments), False
        epochs, batches = condition["epochs"], len(self.train_loader)
        return OneCycleLR(self.optimizer, epochs=epochs, steps_per_epoch=batches, **arguments), True

    def run_epoch(self, epoch: int) -> Result:
        """Trains for one epoch, then tests. `epoch` is not used: as in a notebook, nothing is seeded again."""
        train_accuracy = self._train()
        if not self.per_batch:
            self.scheduler.step()
        return Result(train_accuracy, *self._test())

    def _train(self) -> float:
        self.model.train()
        losses, correct, seen = [], 0, 0
        for batch, labels in self.train_loader:
            data, target = batch.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            output = self.model(data)
            loss = F.nll_loss(output, target)
            if self.lambda_l1 > 0:
                loss = loss + self.lambda_l1 * sum(p.abs().sum() for p in self.model.parameters())
            loss.backward()
            self.optimizer.step()
            if self.per_batch:
                self.scheduler.step()
            losses.append(loss.item())
            correct += output.argmax(dim=1, keepdim=True).eq(target.view(-1, 1)).sum().item()
            seen += len(data)
        return 100 * correct / seen

    def _test(self) -> tuple[float, float]:
        self.model.eval()
        loss, correct, count = 0.0, 0, 0
        with torch.no_grad():
            for batch, labels in self.test_loader:
                data, target = batch.to(self.device), labels.to(self.device)
                output = self.model(data)
                loss += F.nll_loss(output, target, reduction="sum").item()
                correct += output.argmax(dim=1, keepdim=True).eq(target.view(-1, 1)).sum().item()
                count += len(data)
        return loss / count, 100 * correct / count
