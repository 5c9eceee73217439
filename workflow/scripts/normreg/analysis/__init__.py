"""Numbers from the files of runs: predictions, summaries, paired differences, published values. Imports no PyTorch."""
