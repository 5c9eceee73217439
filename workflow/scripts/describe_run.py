"""Says how a study's runs were made, as a page. The configuration is no param: a change of it alone reruns nothing."""

import sys

sys.path.insert(0, snakemake.scriptdir)  # before any installed normreg

from normreg.utils import jobs

with jobs.job(snakemake.log[0]):
    from normreg.analysis import summary
    from normreg.pages import about
    from normreg.training import checkpoint

    made = []
    for file in snakemake.input.checkpoints:
        saved = checkpoint.load(file)
        made.append(
            {"engine": saved["engine"], "device": saved["device"], **saved["versions"], "data": saved["data_digest"]}
        )
    settings = snakemake.params.settings
    tables = {
        "Configuration": {key: value for key, value in snakemake.config.items() if key != "resolved"},
        "Settings of all conditions": settings["shared"],
        "Settings that differ": settings["own"],
    }
    seconds = summary.read(snakemake.input.summary, snakemake.params.runs)["seconds"].sum()
    about.write(snakemake.output.page, snakemake.params.title, tables, made, seconds)
