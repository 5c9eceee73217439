"""A stand-in for CUDA's capture that works on the CPU: operations are noted once and repeated without Python.

Like a CUDA graph it repeats the same operations on the same memory with the same numbers from the host. A step that
takes anything else from Python, or reads a value back from the device, is found out as it would be on a card.
"""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WARM_UPS = 3


class HostReadError(RuntimeError):
    """A value of a tensor was asked for: on a card the host would wait for it, and a capture would fail."""


class Tape(TorchDispatchMode):
    """Notes the operations that run under it, each with its arguments and results."""

    def __init__(self):
        super().__init__()
        self.notes = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default):
            raise HostReadError(str(operation))
        result = operation(*args, **(kwargs or {}))
        self.notes.append((operation, args, kwargs or {}, result))
        return result

    def replay(self):
        with torch.no_grad():
            for operation, args, kwargs, result in self.notes:
                inputs = {storage(t) for t in tensors((args, kwargs))}
                if operation._schema.is_mutable:
                    operation(*args, **kwargs)
                elif any(storage(t) not in inputs for t in tensors(result)):
                    for old, new in zip(tensors(result), tensors(operation(*args, **kwargs)), strict=True):
                        old.copy_(new)
                # else a view, whose memory holds what it should


def tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def storage(tensor):
    return tensor.untyped_storage().data_ptr()


def record(step, rewind):
    """As `normreg.engines.cudagraph.capture.cuda_graph`; unlike a real capture, this one runs the step as well."""
    for _ in range(WARM_UPS):
        rewind()
        step()
    rewind()
    tape = Tape()
    with tape:
        step()
    return tape.replay


def plain(step, rewind):
    """Records nothing: the step is called itself."""
    return step


@contextlib.contextmanager
def only_on(device_type):
    """Raises if an operation touches a tensor on another device, or copies between devices."""
    with _OnlyOn(device_type):
        yield


class _OnlyOn(TorchDispatchMode):
    def __init__(self, device_type):
        super().__init__()
        self.device_type = device_type

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        found = {t.device.type for t in tensors((args, kwargs, result))}
        assert found <= {self.device_type}, f"{operation} works on {found}"
        return result
