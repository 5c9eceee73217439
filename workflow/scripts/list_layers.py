"""Lists the layers of a study's networks: type, output shape, parameters."""

from normreg import jobs

with jobs.job(snakemake.log[0]):
    jobs.pin_threads(1)
    from normreg import layer_page

    layer_page.write(snakemake.params.networks, snakemake.output.page, snakemake.output.csv)
