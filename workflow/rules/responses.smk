# How effects depend on a strength, or on any other value that a study sweeps. Only for studies with sweeps.


rule compare_responses:
    input:
        summary="results/{dataset}/{study}/summary.csv",
    output:
        page=page("responses", EFFECTS, "response curves"),
        csv="results/{dataset}/{study}/responses.csv",
        seeds="results/{dataset}/{study}/response_seeds.csv",
        shapes="results/{dataset}/{study}/response_shapes.csv",
    log:
        "logs/compare_responses/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        sweeps=sweeps_of,
        rules=lambda w: {"margin": dict(run_of(w).margin), "planned_seeds": run_of(w).planned_seeds},
        title=lambda w: f"Response curves: {title(w)}",
        code=code("compare_responses.py"),
    script:
        "../scripts/compare_responses.py"


rule plot_response:
    input:
        responses="results/{dataset}/{study}/responses.csv",
        seeds="results/{dataset}/{study}/response_seeds.csv",
    output:
        **graph("response_{sweep}", ANSWER, "response, {sweep}", caption="response"),
    log:
        "logs/plot_response/{dataset}/{study}/{sweep}.log",
    wildcard_constraints:
        sweep="[a-z0-9-]+",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=response_figure,
        code=code("plot_response.py"),
    script:
        "../scripts/plot_response.py"


# A checkpoint, because its table decides what `confirm` trains. Nothing else depends on a result.
checkpoint choose_strengths:
    input:
        summary="results/{dataset}/{study}/summary.csv",
    output:
        csv="results/{dataset}/{study}/chosen.csv",
    log:
        "logs/choose_strengths/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        runs=run_list,
        conditions=study_conditions,
        sweeps=sweeps_of,
        code=code("choose_strengths.py"),
    script:
        "../scripts/choose_strengths.py"
