rule summarise:
    input:
        metrics=each_run("metrics.csv"),
        predictions=each_run("predictions.npz"),
        weights=each_run("weights.csv"),
        data="resources/{dataset}.npz",
    output:
        summary="results/{dataset}/{study}/summary.csv",
    log:
        "logs/summarise/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        data_digest=known_digest,
        code=code("summarise.py"),
    script:
        "../scripts/summarise.py"


rule render_summary:
    input:
        summary="results/{dataset}/{study}/summary.csv",
        data="resources/{dataset}.npz",
    output:
        page=page("summary", TABLES, "summary of all conditions"),
    log:
        "logs/render_summary/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        data_digest=known_digest,
        title=lambda w: f"Summary: {title(w)}",
        comparison=lambda w: comparability.objection(run_of(w), w.dataset),
        code=code("render_summary.py"),
    script:
        "../scripts/render_summary.py"


rule list_layers:
    output:
        page=page("layers", WEIGHTS, "layers and parameters"),
        csv="results/{dataset}/{study}/layers.csv",
    log:
        "logs/list_layers/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        networks=all_networks,
        shape=data_shape,
        code=code("list_layers.py"),
    script:
        "../scripts/list_layers.py"


rule tabulate_last_five:
    input:
        metrics=each_run("metrics.csv"),
    output:
        page=page("last_five", TABLES, "last five epochs"),
        csv="results/{dataset}/{study}/last_five.csv",
    log:
        "logs/tabulate_last_five/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        title=lambda w: f"Last five epochs: {title(w)}",
        code=code("tabulate_last_five.py"),
    script:
        "../scripts/tabulate_last_five.py"


rule compare_published:
    input:
        summary="results/{dataset}/{study}/summary.csv",
    output:
        page=page("published", PUBLISHED, "published and measured"),
        csv="results/{dataset}/{study}/published.csv",
    log:
        "logs/compare_published/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        published=published_results,
        readme=lambda w: run_of(w).readme,
        title=lambda w: f"Published and measured: {title(w)}",
        code=code("compare_published.py"),
    script:
        "../scripts/compare_published.py"


rule estimate_effects:
    input:
        summary="results/{dataset}/{study}/summary.csv",
    output:
        page=page("effects", EFFECTS, "effect of each factor"),
        csv="results/{dataset}/{study}/effects.csv",
    log:
        "logs/estimate_effects/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=declared_conditions,
        rules=lambda w: {"margin": dict(run_of(w).margin), "planned_seeds": run_of(w).planned_seeds},
        title=lambda w: f"Effects: {title(w)}",
        code=code("estimate_effects.py"),
    script:
        "../scripts/estimate_effects.py"
