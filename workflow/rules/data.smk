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
    script:
        "../scripts/prepare_data.py"
