"""Records steps, and shows that their replays do the same before anything is trained with them."""

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
    """The replays of `steps`, after a rehearsal in which they changed every bit as the steps themselves do.

    Args:
        steps: what to record.
        rewind: takes the steps back to the first batch.
        record: records one step, see `normreg.engines.cudagraph.capture`.
        rehearse: calls the steps it is given, or their replays, in the order of an epoch in small.
        written: every tensor that steps write, detached; all are left as they were.

    Raises:
        CaptureError: replays differ from the steps, or the steps from themselves.
    """
    # Detached, because a graph of autograd that outlives the first step keeps its nodes on the stream they were made
    # on, and a capture on another stream then fails.
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
    """Bits, not values: NaN equals itself, and 0 is not -0."""
    return all(
        torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))
        for a, b in zip(one, other, strict=True)
    )
