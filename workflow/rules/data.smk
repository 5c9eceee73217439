rule prepare_data:
    output:
        data="resources/{dataset}.npz",
    log:
        "logs/prepare_data/{dataset}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        described=described_data,
        content=source_content,
        code=code("prepare_data.py"),
    script:
        "../scripts/prepare_data.py"
