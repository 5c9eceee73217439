"""normreg: measures what L1, L2 and ghost batch normalisation do to small image classifiers.

The library behind the workflow's scripts. It never imports Snakemake and needs only PyTorch (2.11 or later) to train.
"""
