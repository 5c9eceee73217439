"""Draws the sizes of the trained weights of a study, as PNG and SVG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import style, weights

    figure = snakemake.params.figure
    sizes = weights.read(snakemake.input.sizes, figure["study"])
    drawn = weights.draw(sizes, figure["title"], figure["named"])
    style.save(drawn, snakemake.output.png, snakemake.output.svg)
