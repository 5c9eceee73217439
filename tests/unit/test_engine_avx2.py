"""The engine with vectors of eight images, as on a processor with AVX2, where this one has AVX-512.

The width belongs to the process. So tests of the engine run again in a process that compiles for the other processor.
"""

import os
import subprocess
import sys

import pytest

AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+popcnt,+sse4.2"}
FILES = [f"tests/unit/test_engine_{name}.py" for name in ("kernels", "parts", "masks", "trainer")]


@pytest.mark.parametrize(
    "chosen",
    [
        "(gilf641 and (each or whole or plain)) or (masks and not torch)",
        pytest.param("not (torch or avx2)", marks=pytest.mark.slow),
    ],
)
def test_the_engine_with_eight_images_in_a_vector(chosen, root, kernel_cache):
    from normreg.engines.numba_cpu.machine import LANES

    if LANES == 8:
        pytest.skip("this processor has vectors of eight, so all tests of the engine have them")
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *FILES]
    done = subprocess.run(command, cwd=root, env=own | AVX2, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


def test_each_kind_of_processor_has_its_width(root):
    code = "from normreg.engines.numba_cpu.machine import LANES; print(LANES)"
    wide = {"NUMBA_CPU_NAME": "skylake-avx512", "NUMBA_CPU_FEATURES": "+avx2,+fma,+avx512f"}
    for named, lanes in ((AVX2, "8"), (wide, "16")):
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=root / "workflow/scripts", env=os.environ | named, capture_output=True, text=True, check=False
        )
        assert (done.stdout.strip(), done.returncode) == (lanes, 0), done.stderr
