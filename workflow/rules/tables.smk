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
        conditions=study_conditions,
        study=lambda w: run_of(w).study,
        code=code("tabulate_runs.py"),
    script:
        "../scripts/tabulate_runs.py"


rule summarise_weights:
    input:
        weights=each_run("weights.csv"),
    output:
        page=page("weight_sizes", WEIGHTS, "sizes of the weights"),
        csv="results/{dataset}/{study}/weight_sizes.csv",
    log:
        "logs/summarise_weights/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        title=lambda w: f"Sizes of the weights: {title(w)}",
        code=code("summarise_weights.py"),
    script:
        "../scripts/summarise_weights.py"


rule plot_weights:
    input:
        sizes="results/{dataset}/{study}/weight_sizes.csv",
    output:
        **graph("weight_sizes", WEIGHTS, "sizes of the weights"),
    log:
        "logs/plot_weights/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=lambda w: {
            "title": f"Sizes of the weights: {title(w)}",
            "study": study_identity(w),
            "named": named_conditions(w),
        },
        code=code("plot_weights.py"),
    script:
        "../scripts/plot_weights.py"


rule describe_run:
    input:
        checkpoints=each_run("checkpoint.pt"),
        summary="results/{dataset}/{study}/summary.csv",
    output:
        page=page("about", ABOUT, "how the runs were made"),
    log:
        "logs/describe_run/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        settings=lambda w: studies.resolved_settings(run_of(w)),
        networks=all_networks,
        title=lambda w: f"About this run: {title(w)}",
        code=code("describe_run.py"),
    script:
        "../scripts/describe_run.py"
