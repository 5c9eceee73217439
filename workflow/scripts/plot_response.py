"""Draws the response curves, or the grid, of one sweep, as PNG and SVG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import response, style

    figure = snakemake.params.figure
    table, seeds = response.read(snakemake.input.responses, snakemake.input.seeds, figure["study"], figure["sweep"])
    drawn = response.draw(table, seeds, figure["title"], figure["over"])
    style.save(drawn, snakemake.output.png, snakemake.output.svg)
