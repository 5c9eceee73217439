"""Draws figures as PNG and SVG from the workflow's files: metrics and predictions. Needs no model and no PyTorch.

`inputs` reads files. `style`, `axes` and `labels` hold what figures share. Every other module draws one kind of figure.
"""
