rule summarise:
    input:
        metrics=each_run("metrics.csv"),
        predictions=each_run("predictions.npz"),
        weights=each_run("weights.csv"),
        data="resources/{dataset}.npz",
        code=code("summarise.py"),
    output:
        summary="results/{dataset}/{study}/summary.csv",
    log:
        "logs/summarise/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        runs=run_list,
    script:
        "../scripts/summarise.py"


rule render_summary:
    input:
        summary="results/{dataset}/{study}/summary.csv",
        data="resources/{dataset}.npz",
        code=code("render_summary.py"),
    output:
        page=report(
            "results/{dataset}/{study}/summary.html",
            caption="../report/summary.rst",
            category="Comparison",
            labels={"what": "summary of all conditions", "format": "table"},
        ),
    log:
        "logs/render_summary/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        title=lambda w: f"Summary: {title(w)}",
    script:
        "../scripts/render_summary.py"


rule list_layers:
    input:
        code=code("list_layers.py"),
    output:
        page=report(
            "results/{dataset}/{study}/layers.html",
            caption="../report/layers.rst",
            category="Network",
            labels={"what": "layers and parameters", "format": "table"},
        ),
        csv="results/{dataset}/{study}/layers.csv",
    log:
        "logs/list_layers/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        networks=lambda w: sorted({c["network"] for c in RUNS[w.study].conditions.values()}),
    script:
        "../scripts/list_layers.py"
