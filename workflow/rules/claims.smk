# What published studies say of their experiments, and whether it holds. The claims of a study are a param, not an input,
# so that an edit of config/claims.yaml reruns only this.
from normreg.config import claims as claims_file


@functools.cache
def claims_of(study):
    """The claims about a study. A run with other epochs or another network has none."""
    try:
        return claims_file.of_study(claims_file.load(), study)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None


def claims(wildcards):
    if not claims_of(wildcards.study):
        raise WorkflowError(
            f"config/claims.yaml has no claim about the study {wildcards.study}, so it has no such page."
        )
    return claims_of(wildcards.study)


def claims_source(wildcards):
    return (run_of(wildcards).published or {}).get("source")


if workflow.is_main_process:
    claims_of(RUN.name)  # says what is wrong with the file before any job starts


rule judge_claims:
    input:
        metrics=each_run("metrics.csv"),
        summary="results/{dataset}/{study}/summary.csv",
    output:
        page=report(
            "results/{dataset}/{study}/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"study": "{study}", "what": "claims of the study", "format": "table"},
        ),
        csv="results/{dataset}/{study}/claims.csv",
    log:
        "logs/judge_claims/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=lambda w: run_of(w).conditions,
        networks=all_networks,
        claims=claims,
        margin=lambda w: run_of(w).margin,
        source=claims_source,
        title=lambda w: f"Claims: {title(w)}",
        code=code("judge_claims.py"),
    script:
        "../scripts/judge_claims.py"
