# Tables and figures of a study besides the comparisons.
rule tabulate_runs:
    input:
        summary="results/{dataset}/{study}/summary.csv",
    output:
        csv="results/{dataset}/{study}/runs.csv",
    log:
        "logs/tabulate_runs/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=lambda w: run_of(w).conditions,
        study=lambda w: run_of(w).study,
        code=code("tabulate_runs.py"),
    script:
        "../scripts/tabulate_runs.py"
