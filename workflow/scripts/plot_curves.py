"""Draws training against validation of one condition and seed over the epochs, as PNG and SVG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import metrics
    from normreg.figures import curves, style

    figure = snakemake.params.figure
    table = metrics.read(snakemake.input.metrics, curves.COLUMNS, figure["identity"], figure["epochs"])
    drawn = curves.draw(table, figure["title"])
    style.save(drawn, snakemake.output.png, snakemake.output.svg)
