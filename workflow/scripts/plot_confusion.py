"""Draws which class a trained network takes for which, as PNG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import confusion, inputs, style

    figure = snakemake.params.figure
    predictions = inputs.read_predictions(
        snakemake.input.predictions, snakemake.input.data, figure["data_digest"], figure["identity"]
    )
    style.save(confusion.draw(predictions, figure["title"]), snakemake.output.png)
