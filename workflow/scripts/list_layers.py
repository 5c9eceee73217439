"""Lists the layers of a study's networks: type, output shape, parameters."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(1)
    from normreg.models.description import DataShape
    from normreg.pages import layers

    layers.write(
        list(snakemake.params.networks), DataShape(*snakemake.params.shape), snakemake.output.page, snakemake.output.csv
    )
