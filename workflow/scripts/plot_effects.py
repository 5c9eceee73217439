"""Draws the effects of a study's factors with their intervals, as PNG and SVG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import effects, study_inputs, style

    figure = snakemake.params.figure
    table = study_inputs.read_effects(snakemake.input.effects, figure["study"])
    drawn = effects.draw(table, figure["title"], figure["names"])
    style.save(drawn, snakemake.output.png, snakemake.output.svg)
