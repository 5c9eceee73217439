"""The processor that numba compiles for in this process, and what follows from it.

It is this one, unless `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES` name another. Importing this module needs numba.
"""

import numba
import numpy as np
from numba.core.registry import cpu_target

from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.engines.numba_cpu.tiles import Registers, choose_registers


def _registers() -> Registers:
    """The registers of the processor.

    Raises:
        UnsupportedError: the processor lacks the instructions that the kernels need, or numba may not compile.
    """
    if numba.config.DISABLE_JIT:
        raise UnsupportedError("NUMBA_DISABLE_JIT is set, so numba compiles nothing")
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return choose_registers({feature[1:]: feature[0] == "+" for feature in features.split(",") if feature})


REGISTERS = _registers()
LANES = REGISTERS.lanes  # images in a block, and numbers in a vector
MASKS = np.dtype(f"uint{2 * LANES}")  # the dropout masks of two vectors, a bit for each number
