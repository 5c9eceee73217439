rule prepare_data:
    input:
        code=code("prepare_data.py"),
    output:
        data="resources/{dataset}.npz",
    log:
        "logs/prepare_data/{dataset}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    script:
        "../scripts/prepare_data.py"
