"""Draws a trained network's most confident mistakes, as PNG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import gallery, inputs, style

    figure = snakemake.params.figure
    predictions = inputs.read_predictions(
        snakemake.input.predictions, snakemake.input.data, figure["data_digest"], figure["identity"]
    )
    style.save(gallery.draw(predictions, figure["title"]), snakemake.output.png)
