# The page on which a reader explores curves, mistakes and, where there are sweeps, responses.
# Its script and style are data of the page, not code of Python.
from normreg.pages.explorer import assets


rule explore:
    input:
        metrics=each_run("metrics.csv"),
        predictions=each_run("predictions.npz"),
        data="resources/{dataset}.npz",
        responses=response_tables,
    output:
        page=page("explorer", ANSWER, "explore curves and mistakes"),
    log:
        "logs/explore/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        named=named_conditions,
        data_digest=known_digest,
        sweeps=lambda w: {sweep.name: sweep.over for sweep in run_of(w).sweeps},
        study=study_identity,
        title=lambda w: f"Explorer: {title(w)}",
        files=lambda w: assets.digest(),
        code=code("build_explorer.py"),
    script:
        "../scripts/build_explorer.py"
