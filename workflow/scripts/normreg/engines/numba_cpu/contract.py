"""Says what the engine implements. Imports no numba, so that the choice of an engine stays quick."""

from collections.abc import Mapping, Sequence
from typing import Any

from normreg.config import networks
from normreg.engines import contract
from normreg.engines.contract import SHARED, DataFacts
from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.engines.numba_cpu.stages import Stage, make_stages
from normreg.engines.numba_cpu.tiles import AVX512
from normreg.models.description import Network

MASK_NUMBERS = 2**32  # the counter of dropout masks has 32 bits

# Of networks, `supports` asks whether `make_stages` knows their layers.
KNOWN = SHARED | set(
    """
    network norm.bn norm.gbn num_splits batch_size dropout penalty penalty_scope
    optimizer.name.sgd optimizer.lr optimizer.momentum optimizer.nesterov
    lambdas.l1 lambdas.l2 lambdas.group_l2
    augmentation.rotation.degrees augmentation.rotation.fill
    augmentation.affine.degrees augmentation.affine.translate augmentation.affine.scale augmentation.affine.fill
    augmentation.jitter.brightness augmentation.jitter.contrast
    augmentation.flip.probability
    augmentation.crop.padding augmentation.crop.fill
    augmentation.cutout.size augmentation.cutout.fill
    """.split()
)


def supports(condition: Mapping[str, Any], data: DataFacts) -> str | None:
    """Why the engine cannot train this condition on such data. None if it can, provided `lacking` returns None too."""
    reason = contract.supports(condition, data, KNOWN)
    if reason is not None:
        return reason
    if data.shape.height != data.shape.width:
        return f"images of {data.shape.height} x {data.shape.width} pixels, which are not square"
    try:
        stages = stages_of(condition, data)
    except UnsupportedError as error:
        return str(error)
    if condition["dropout"] and mask_numbers(stages, data.train_images, condition["batch_size"]) > MASK_NUMBERS:
        return f"key 'batch_size': {condition['batch_size']} makes dropout masks repeat within an epoch"
    return None


def stages_of(condition: Mapping[str, Any], data: DataFacts) -> tuple[Stage, ...]:
    """The stages of a condition's network.

    Raises:
        UnsupportedError: there are no kernels for this network.
    """
    network = networks.find(condition["network"])
    if not isinstance(network, Network):
        raise UnsupportedError("key 'network': there are kernels for lists of layers, not for a network in Python")
    return make_stages(network, data.shape)


def mask_numbers(stages: Sequence[Stage], images: int, batch_size: int) -> int:
    """How many numbers of the counter of dropout masks an epoch needs at most.

    A block has masks for all its images, even if fewer are in it. The largest blocks need the most numbers.
    """
    lanes = AVX512.lanes
    steps, blocks = -(-images // batch_size), -(-batch_size // lanes)
    return steps * sum(stage.mask_words(blocks) * lanes for stage in stages if stage.dropout)


def lacking() -> str | None:
    """Says what the engine needs and this machine lacks: numba or processor instructions. None if it lacks nothing."""
    try:
        from normreg.engines.numba_cpu import machine  # noqa: F401  it looks at the processor
    except (ImportError, UnsupportedError) as error:
        return str(error)
    return None
