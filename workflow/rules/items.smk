# The tables, pages and figures about a study. `normreg.report.registry` says which rule makes which files; each rule
# makes all of its items in one process.

from normreg.report.explorer import assets

SUMMARY = f"{bound.FOLDER}/summary.csv"


rule summarise:
    input:
        metrics=get_each("metrics.csv"),
        predictions=get_each("predictions.npz"),
        weights=get_each("weights.csv"),
        data="resources/{dataset}.npz",
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("summarise"),
    log:
        "logs/summarise/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="summarise",
        study=get(get_facts),
        target=get(lambda study, w: study.run.target_accuracy),
        code=get_code("make_items.py", *registry.modules("summarise")),
    script:
        "../scripts/make_items.py"


rule tabulate:
    input:
        summary=SUMMARY,
        metrics=get_each("metrics.csv"),
        predictions=get_each("predictions.npz"),
        weights=get_each("weights.csv"),
        data="resources/{dataset}.npz",
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("tabulate"),
    log:
        "logs/tabulate/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="tabulate",
        study=get(get_facts),
        comparison=get(lambda study, w: study.landing["comparison"]),
        target=get(lambda study, w: study.run.target_accuracy),
        code=get_code("make_items.py", *registry.modules("tabulate")),
    script:
        "../scripts/make_items.py"


rule describe:
    input:
        summary=SUMMARY,
        checkpoints=get_each("checkpoint.pt"),
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("describe"),
    log:
        "logs/describe/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="describe",
        study=get(get_facts),
        settings=get(lambda study, w: study.settings),
        code=get_code("make_items.py", *registry.modules("describe")),
    script:
        "../scripts/make_items.py"


rule list_layers:
    input:
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("list_layers"),
    log:
        "logs/list_layers/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="list_layers",
        study=get(lambda study, w: study.brief),
        networks=get(lambda study, w: study.networks),
        code=get_code("make_items.py", *registry.modules("list_layers")),
    script:
        "../scripts/make_items.py"


rule draw_study:
    input:
        metrics=get_each("metrics.csv"),
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("draw_study"),
    log:
        "logs/draw_study/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="draw_study",
        study=get(get_facts),
        code=get_code("make_items.py", *registry.modules("draw_study")),
    script:
        "../scripts/make_items.py"


rule draw_condition:
    input:
        metrics=get(lambda study, w: study.first(w.condition, "metrics.csv")),
        predictions=get(lambda study, w: study.first(w.condition, "predictions.npz")),
        data="resources/{dataset}.npz",
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("draw_condition"),
    log:
        "logs/draw_condition/{dataset}/{study}/{condition}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="draw_condition",
        study=get(lambda study, w: study.brief),
        picture=get(lambda study, w: study.picture(w.condition)),
        code=get_code("make_items.py", *registry.modules("draw_condition")),
    script:
        "../scripts/make_items.py"


rule estimate_effects:
    input:
        summary=SUMMARY,
        predictions=get_each("predictions.npz"),
        data="resources/{dataset}.npz",
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("estimate_effects"),
    log:
        "logs/estimate_effects/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="estimate_effects",
        study=get(get_facts),
        rules=get(lambda study, w: study.rules),
        code=get_code("make_items.py", *registry.modules("estimate_effects")),
    script:
        "../scripts/make_items.py"


rule explore:
    input:
        summary=SUMMARY,
        metrics=get_each("metrics.csv"),
        predictions=get_each("predictions.npz"),
        effects=f"{bound.FOLDER}/effects.csv",
        responses=get(lambda study, w: study.response_tables),
        data="resources/{dataset}.npz",
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("explore"),
    log:
        "logs/explore/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="explore",
        study=get(get_facts),
        landing=get(lambda study, w: study.landing),
        rules=get(lambda study, w: study.rules),
        files=lambda wildcards: assets.digest(),
        code=get_code("make_items.py", *registry.modules("explore")),
    script:
        "../scripts/make_items.py"


# Only of studies with published results, and with claims in config/claims.yaml: the next two.
rule compare_published:
    input:
        summary=SUMMARY,
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("compare_published"),
    log:
        "logs/compare_published/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="compare_published",
        study=get(get_facts),
        published=get(lambda study, w: study.published),
        readme=get(lambda study, w: study.run.readme),
        code=get_code("make_items.py", *registry.modules("compare_published")),
    script:
        "../scripts/make_items.py"


rule judge_claims:
    input:
        metrics=get_each("metrics.csv"),
        summary=SUMMARY,
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("judge_claims"),
    log:
        "logs/judge_claims/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="judge_claims",
        study=get(get_facts),
        networks=get(lambda study, w: study.networks),
        claimed=get(lambda study, w: study.claimed),
        rules=get(lambda study, w: study.rules),
        code=get_code("make_items.py", *registry.modules("judge_claims")),
    script:
        "../scripts/make_items.py"


# Only of studies with sweeps: the next three.
rule compare_responses:
    input:
        summary=SUMMARY,
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("compare_responses"),
    log:
        "logs/compare_responses/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="compare_responses",
        study=get(get_facts),
        rules=get(lambda study, w: study.rules),
        code=get_code("make_items.py", *registry.modules("compare_responses")),
    script:
        "../scripts/make_items.py"


rule draw_response:
    input:
        responses=f"{bound.FOLDER}/responses.csv",
        seeds=f"{bound.FOLDER}/response_seeds.csv",
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("draw_response"),
    log:
        "logs/draw_response/{dataset}/{study}/{sweep}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="draw_response",
        study=get(get_facts),
        sweep=get(lambda study, w: study.sweep(w.sweep)),
        code=get_code("make_items.py", *registry.modules("draw_response")),
    script:
        "../scripts/make_items.py"


# A checkpoint, because its table decides what `confirm` trains. Nothing else depends on a result.
checkpoint choose_strengths:
    input:
        summary=SUMMARY,
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("choose_strengths"),
    log:
        "logs/choose_strengths/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="choose_strengths",
        study=get(get_facts),
        sweeps=get(lambda study, w: study.sweeps),
        code=get_code("make_items.py", *registry.modules("choose_strengths")),
    script:
        "../scripts/make_items.py"


# A checkpoint, because its table decides whether `decide` trains more seeds.
checkpoint take_look:
    input:
        metrics=get_at_look(lambda study, w: study.each("metrics.csv")),
        predictions=get_at_look(lambda study, w: study.each("predictions.npz")),
        weights=get_at_look(lambda study, w: study.each("weights.csv")),
        data="resources/{dataset}.npz",
        changed=lambda wildcards: FRESH.of_items(),
    output:
        **get_item_outputs("take_look"),
    log:
        "logs/take_look/{dataset}/{study}/{look}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made="take_look",
        study=get_at_look(get_facts),
        target=get_at_look(lambda study, w: study.run.target_accuracy),
        rules=get_at_look(lambda study, w: study.rules),
        code=get_code("make_items.py", *registry.modules("take_look")),
    script:
        "../scripts/make_items.py"
