"""What computes the epochs of a run: PyTorch, numba on a CPU, CUDA graphs. `select` chooses."""
