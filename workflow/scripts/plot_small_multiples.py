"""Draws one validation metric of a study in a small panel per condition, as PNG and SVG."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.figures import inputs, small_multiples, style

    figure = snakemake.params.figure
    courses = inputs.read_courses(snakemake.input.metrics, figure["runs"], figure["metric"])
    drawn = small_multiples.draw(courses, figure["title"], figure["metric"], figure["named"])
    style.save(drawn, snakemake.output.png, snakemake.output.svg)
