"""Captures a step as a CUDA graph."""

from collections.abc import Callable

import torch

from normreg.engines.cudagraph.steps import Step
from normreg.errors import NormregError

# Takes a step and a function that goes back to the first batch. Returns the function to call instead of the step.
Recorder = Callable[[Step, Step], Step]

WARM_UPS = 3  # runs before the capture, as PyTorch advises: libraries choose kernels and allocate memory in them


class CaptureError(NormregError):
    """This GPU or this PyTorch cannot capture the training step, or the replay is wrong."""

    def __init__(self, found: str) -> None:
        super().__init__(f"engine cudagraph: {found}. Train without CUDA graphs: --config engine=torch.")


def cuda_graph(step: Step, rewind: Step) -> Step:
    """Warms `step` up, captures it as a CUDA graph, and returns the replay.

    The warm-up runs change what the step trains. The capture does not. Dropout draws from the device's default
    generator, which PyTorch registers with the graph. So a seed has the same effect on replays as on steps, and both
    draw the same numbers.

    Raises:
        CaptureError: an operation of the step cannot be captured.
        torch.OutOfMemoryError: the device has too little memory.
    """
    # A new stream, because work on the default stream cannot be captured.
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
    """The first error. When a capture fails, PyTorch raises a second error, which does not tell the cause."""
    while error.__context__ is not None:
        error = error.__context__
    return error
