"""Figures from the workflow's files: metrics tables and predictions in, PNG and SVG out. No model, no GPU, no torch.

`inputs` reads, `style` and `axes` hold what figures share, and every other module draws one kind of figure.
"""
