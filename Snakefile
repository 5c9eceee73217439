# Does L1, L2 or ghost batch normalisation help? Trains every condition of a study and compares them.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/setup.smk"


configfile: str(CONFIG)


include: "workflow/rules/common.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/items.smk"


report: "workflow/report/overview.rst"


rule all:
    default_target: True
    input:
        get_targets("training", "evaluation", "figures", "tables"),


rule training:
    input:
        get_targets("training"),


rule figures:
    input:
        get_targets("figures"),


rule confirm:
    input:
        get_confirmation,


rule decide:
    input:
        get_decision,


rule published:
    input:
        get_published,
