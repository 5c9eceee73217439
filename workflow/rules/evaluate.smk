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
        mem_mb=memory(2000),
        runtime=15,
    params:
        condition=condition,
        identity=own_identity,
        data_digest=known_digest,
        shape=image_shape,
        network=own_network,
        code=code("evaluate.py"),
    script:
        "../scripts/evaluate.py"


rule evaluate_holdout:
    input:
        checkpoint="results/{dataset}/{study}/{condition}/seed{seed}/checkpoint.pt",
        data="resources/{dataset}.npz",
    output:
        predictions="results/{dataset}/{study}/{condition}/seed{seed}/predictions_holdout.npz",
    log:
        "logs/evaluate_holdout/{dataset}/{study}/{condition}/seed{seed}.log",
    conda:
        "../../envs/normreg.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=15,
    params:
        condition=condition,
        identity=own_identity,
        data_digest=known_digest,
        shape=image_shape,
        network=own_network,
        code=code("evaluate_holdout.py"),
    script:
        "../scripts/evaluate_holdout.py"
