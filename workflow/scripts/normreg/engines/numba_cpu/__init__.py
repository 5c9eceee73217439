"""The CPU engine: training of these networks in numba, 16 images to a vector. docs/engine.md explains it.

Nothing here imports PyTorch's network modules at run time but `trainer`, and nothing outside imports numba.
"""
