# One rule trains every condition and seed. `device` and `engine` are no params, so that changing them reruns nothing.
# No digest of the code is in params: each metrics.csv says the code that made it, and `made_otherwise` compares.
rule train:
    input:
        data=prepared_data,
        changed=made_otherwise,
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
        mem_mb=memory(6000 if USE_GPU else 2000),
        runtime=training_minutes,
    params:
        condition=condition,
        identity=own_identity,
        data_digest=known_digest,
        shape=image_shape,
        network=own_network,
        kernels=KERNELS,
    script:
        "../scripts/train.py"
