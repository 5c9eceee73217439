"""The CPU engine: trains these networks in numba, with an image in each lane of a vector. docs/engine.md explains it.

Only `trainer` imports PyTorch's network modules at run time. No module outside of this package imports numba.
"""
