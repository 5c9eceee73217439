# How much runs differ by chance, and on which images. These rules read the saved predictions of all runs.
rule describe_noise:
    input:
        summary="results/{dataset}/{study}/summary.csv",
        predictions=each_run("predictions.npz"),
        data="resources/{dataset}.npz",
    output:
        page=report(
            "results/{dataset}/{study}/noise.html",
            caption="../report/noise.rst",
            category="Effects",
            labels={"study": "{study}", "what": "noise floor", "format": "table"},
        ),
        csv="results/{dataset}/{study}/noise.csv",
    log:
        "logs/describe_noise/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        data_digest=known_digest,
        title=lambda w: f"Noise floor: {title(w)}",
        code=code("describe_noise.py"),
    script:
        "../scripts/describe_noise.py"


rule compare_models:
    input:
        predictions=lambda w: [
            f"results/{w.dataset}/{w.study}/{run['condition']}/seed{FIRST_SEED}/predictions.npz"
            for run in first_seed_runs(w)
        ],
        data="resources/{dataset}.npz",
    output:
        page=report(
            "results/{dataset}/{study}/mcnemar.html",
            caption="../report/mcnemar.rst",
            category="Effects",
            labels={"study": "{study}", "what": "two saved models (McNemar)", "format": "table"},
        ),
        csv="results/{dataset}/{study}/mcnemar.csv",
    log:
        "logs/compare_models/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=first_seed_runs,
        conditions=study_conditions,
        data_digest=known_digest,
        title=lambda w: f"Two saved models, seed {FIRST_SEED}: {title(w)}",
        code=code("compare_models.py"),
    script:
        "../scripts/compare_models.py"


rule list_agreement:
    input:
        predictions=each_run("predictions.npz"),
        data="resources/{dataset}.npz",
    output:
        page=report(
            "results/{dataset}/{study}/agreement.html",
            caption="../report/agreement.rst",
            category="Agreement",
            labels={"study": "{study}", "what": "images that runs get wrong", "format": "table"},
        ),
        csv="results/{dataset}/{study}/agreement.csv",
    log:
        "logs/list_agreement/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        data_digest=known_digest,
        title=lambda w: f"Agreement of runs: {title(w)}",
        code=code("list_agreement.py"),
    script:
        "../scripts/list_agreement.py"


rule plot_agreement:
    input:
        predictions=each_run("predictions.npz"),
        data="resources/{dataset}.npz",
    output:
        hardest=report(
            "results/{dataset}/{study}/agreement.png",
            caption="../report/agreement.rst",
            category="Agreement",
            labels={"study": "{study}", "what": "the hardest images", "format": "png"},
        ),
        changes=report(
            "results/{dataset}/{study}/fixed_and_broken.png",
            caption="../report/fixed_and_broken.rst",
            category="Agreement",
            labels={"study": "{study}", "what": "images that factors fix or break", "format": "png"},
        ),
    log:
        "logs/plot_agreement/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        data_digest=known_digest,
        titles=lambda w: {"hardest": f"Hardest images: {title(w)}", "changes": f"Fixed and broken: {title(w)}"},
        code=code("plot_agreement.py"),
    script:
        "../scripts/plot_agreement.py"
