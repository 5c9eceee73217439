"""Draws which class a trained network takes for which, as PNG."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import confusion, inputs, style

    predictions = inputs.read_predictions(snakemake.input.predictions, snakemake.input.data)
    style.save(confusion.draw(predictions, snakemake.params.figure["title"]), snakemake.output.png)
