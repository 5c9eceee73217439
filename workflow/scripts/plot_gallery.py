"""Draws a trained network's most confident mistakes, as PNG."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import gallery, inputs, style

    predictions = inputs.read_predictions(snakemake.input.predictions, snakemake.input.data)
    style.save(gallery.draw(predictions, snakemake.params.figure["title"]), snakemake.output.png)
