# How much runs differ by chance, and on which images. These rules read the saved predictions of all runs.
OF_RUNS = "Agreement of runs"  # subcategory of the report


rule describe_noise:
    input:
        summary="results/{dataset}/{study}/summary.csv",
        predictions=each_run("predictions.npz"),
        data="resources/{dataset}.npz",
    output:
        page=page("noise", EFFECTS, "noise floor"),
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
            f"results/{w.dataset}/{w.study}/{run['condition']}/seed{run['seed']}/predictions.npz"
            for run in first_seed_runs(w)
        ],
        data="resources/{dataset}.npz",
    output:
        page=page("mcnemar", EFFECTS, "two saved models (McNemar)"),
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
        title=lambda w: f"Two saved models, seed {first_seed(w)}: {title(w)}",
        code=code("compare_models.py"),
    script:
        "../scripts/compare_models.py"


rule list_agreement:
    input:
        predictions=each_run("predictions.npz"),
        data="resources/{dataset}.npz",
    output:
        page=page("agreement", MISTAKES, "images that runs get wrong", OF_RUNS),
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
        hardest=picture("agreement", MISTAKES, "agreement", OF_RUNS, what="the hardest images"),
        changes=picture(
            "fixed_and_broken", MISTAKES, "fixed_and_broken", OF_RUNS, what="images that factors fix or break"
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
