"""What computes the epochs of a run: PyTorch, numba on a CPU. `select` chooses."""
