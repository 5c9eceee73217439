"""Captures a step as a CUDA graph."""

from collections.abc import Callable

import torch

from normreg.engines.cudagraph.steps import Step
from normreg.errors import NormregError

# From a step, and a function that takes it back to the first batch, to what is called in its place from then on.
Recorder = Callable[[Step, Step], Step]

WARM_UPS = 3  # PyTorch's notes on CUDA graphs recommend a few: libraries choose kernels and allocate workspaces


class CaptureError(NormregError):
    """This card or this PyTorch does not capture the training step, or does not replay it right."""

    def __init__(self, found: str) -> None:
        super().__init__(f"engine cudagraph: {found}. Train without CUDA graphs: --config engine=torch.")


def cuda_graph(step: Step, rewind: Step) -> Step:
    """Warms `step` up, which changes what it trains; captures it, which does not; returns the replay.

    Dropout draws from the device's default generator, which PyTorch registers with the graph: seeding it acts on
    replays as it does on steps, and replays draw what the steps would have drawn.

    Raises:
        CaptureError: an operation of the step cannot be captured.
        torch.OutOfMemoryError: too little memory on the device.
    """
    # Not the default stream: work on that one cannot be captured.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            rewind()
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, stream=stream):
            step()
    except RuntimeError as error:
        cause = _first(error)
        if isinstance(cause, torch.OutOfMemoryError):
            raise cause from None
        reason = " ".join(str(cause).split())[:200]
        where = f"{torch.cuda.get_device_name()} with PyTorch {torch.__version__}"
        raise CaptureError(f"{where} cannot capture the training step ({reason})") from error
    return graph.replay


def _first(error: BaseException) -> BaseException:
    """What went wrong first: ending a capture that failed raises an error of its own, which says nothing."""
    while error.__context__ is not None:
        error = error.__context__
    return error
