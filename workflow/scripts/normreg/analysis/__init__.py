"""What files say in numbers: predictions, summaries, paired differences, published values. Imports no PyTorch."""
