"""Records steps, and checks before training that the replays do the same as the steps."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from normreg.engines.cudagraph.capture import CaptureError, Recorder
from normreg.engines.cudagraph.steps import Step

Key = TypeVar("Key", bound=Hashable)


def record_steps(
    steps: Mapping[Key, Step],
    rewind: Step,
    record: Recorder,
    rehearse: Callable[[Mapping[Key, Step]], None],
    written: Sequence[Tensor],
) -> dict[Key, Step]:
    """Records `steps` and returns their replays, once a rehearsal has shown that both give the same bits.

    Args:
        steps: the steps to record.
        rewind: goes back to the first batch.
        record: records one step, see `normreg.engines.cudagraph.capture`.
        rehearse: calls the given steps, or their replays, in the order of a small epoch.
        written: every tensor that the steps write, detached. In the end all have their values from before.

    Raises:
        CaptureError: replays give other bits than the steps, or the steps give other bits when they are repeated.
    """
    # Detached: otherwise a graph of autograd would outlive the first step. Its nodes would keep the stream on which
    # they were made, and a capture on another stream would fail.
    before = [tensor.detach().clone() for tensor in written]
    replays = {key: record(step, rewind) for key, step in steps.items()}
    outcomes: list[list[Tensor]] = []
    for run in (steps, steps, replays):
        _copy(before, written)
        torch.manual_seed(0)
        rehearse(run)
        outcomes.append([tensor.detach().clone() for tensor in written])
    _copy(before, written)
    eager, again, replayed = outcomes
    if not _same_bits(eager, again):
        raise CaptureError("the same training steps give other bits when they are repeated, so replays prove nothing")
    if not _same_bits(eager, replayed):
        raise CaptureError("replayed training steps give other bits than the steps themselves")
    return replays


def _copy(values: Sequence[Tensor], into: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for tensor, value in zip(into, values, strict=True):
            tensor.copy_(value)


def _same_bits(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    """Compares bits, not values. So NaN equals NaN, and 0 does not equal -0."""
    return all(
        torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))
        for a, b in zip(one, other, strict=True)
    )
