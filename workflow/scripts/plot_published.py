"""Draws published against measured values of a study, as PNG and SVG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import published, study_inputs, style

    figure = snakemake.params.figure
    pairs = study_inputs.read_published(snakemake.input.comparison, figure["study"])
    drawn = published.draw(pairs, figure["title"], figure["named"])
    style.save(drawn, snakemake.output.png, snakemake.output.svg)
