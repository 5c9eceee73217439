# What published studies say of their experiments, and whether it holds. The claims of a study are a param, not an input,
# so that an edit of config/claims.yaml reruns only this.
rule judge_claims:
    input:
        metrics=each_run("metrics.csv"),
        summary="results/{dataset}/{study}/summary.csv",
    output:
        page=page("claims", PUBLISHED, "claims of the study"),
        csv="results/{dataset}/{study}/claims.csv",
    log:
        "logs/judge_claims/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        networks=all_networks,
        claims=claims,
        margin=lambda w: run_of(w).margin,
        source=claims_source,
        title=lambda w: f"Claims: {title(w)}",
        code=code("judge_claims.py"),
    script:
        "../scripts/judge_claims.py"
