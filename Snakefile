# Does L1, L2 or ghost batch normalisation help? Trains every condition of a study and compares them.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/config_file.smk"


configfile: str(CONFIG)


include: "workflow/rules/common.smk"
include: "workflow/rules/identity.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/start.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/agreement.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/explore.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/responses.smk"


report: "workflow/report/overview.rst"


rule all:
    default_target: True
    input:
        wanted("training", "evaluation", "figures", "tables"),


rule training:
    input:
        wanted("training"),


rule figures:
    input:
        wanted("figures"),


rule confirm:
    input:
        confirmation,


rule published:
    input:
        published_targets,
