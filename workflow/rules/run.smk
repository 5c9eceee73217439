# From images to the predictions of every condition and seed.


# The prepared file says what it was made of, as each metrics.csv does, so that no record of Snakemake is needed.
rule prepare_data:
    input:
        changed=lambda wildcards: FRESH.of_data(wildcards.dataset),
    output:
        data="resources/{dataset}.npz",
    log:
        "logs/prepare_data/{dataset}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made_of=lambda wildcards: FRESH.data_made_of(wildcards.dataset),
    script:
        "../scripts/prepare_data.py"


# One rule trains every condition and seed. Device and engine are no params, so that changing them reruns nothing.
# No digest of the code is in params: each metrics.csv says the code that made it, and `changed` compares.
rule train:
    input:
        data=get_prepared_data,
        changed=get(lambda study, w: FRESH.of_run(study, w.condition, int(w.seed))),
    output:
        checkpoint="results/{dataset}/{study}/{condition}/seed{seed}/checkpoint.pt",
        metrics="results/{dataset}/{study}/{condition}/seed{seed}/metrics.csv",
    log:
        "logs/train/{dataset}/{study}/{condition}/seed{seed}.log",
    benchmark:
        "logs/train/{dataset}/{study}/{condition}/seed{seed}.tsv"
    conda:
        "../../envs/normreg.yaml"
    resources:
        gpu=int(USE_GPU),
        engine=get(lambda study, w: study.engine.engine),
        mem_mb=get_memory(6000 if USE_GPU else 2000),
        runtime=lambda wildcards, attempt: attempt * get(lambda s, w: s.minutes(w.condition))(wildcards),
    params:
        condition=get(lambda study, w: study.essentials(w.condition)),
        identity=get(lambda study, w: study.identify(w.condition, int(w.seed))),
        data_digest=get(lambda study, w: study.data.digest),
        network=get(lambda study, w: study.network(w.condition)),
        kernels=placed("resources/engine/kernels"),
    script:
        "../scripts/train.py"


rule evaluate:
    input:
        checkpoint="results/{dataset}/{study}/{condition}/seed{seed}/checkpoint.pt",
        data="resources/{dataset}.npz",
    output:
        predictions="results/{dataset}/{study}/{condition}/seed{seed}/predictions.npz",
        weights="results/{dataset}/{study}/{condition}/seed{seed}/weights.csv",
    log:
        "logs/evaluate/{dataset}/{study}/{condition}/seed{seed}.log",
    conda:
        "../../envs/normreg.yaml"
    resources:
        mem_mb=get_memory(2000),
        runtime=15,
    params:
        condition=get(lambda study, w: study.essentials(w.condition)),
        identity=get(lambda study, w: study.identify(w.condition, int(w.seed))),
        data_digest=get(lambda study, w: study.data.digest),
        code=get_code("evaluate.py"),
    script:
        "../scripts/evaluate.py"
