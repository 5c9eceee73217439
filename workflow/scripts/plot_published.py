"""Draws published against measured values of a study, as PNG and SVG."""

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import published, style

    figure = snakemake.params.figure
    drawn = published.draw(published.read(snakemake.input.comparison, figure["study"]), figure["title"])
    style.save(drawn, snakemake.output.png, snakemake.output.svg)
