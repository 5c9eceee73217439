# The prepared file says what it was made of, as each metrics.csv does, so that no record of Snakemake is needed.
rule prepare_data:
    input:
        changed=prepared_otherwise,
    output:
        data="resources/{dataset}.npz",
    log:
        "logs/prepare_data/{dataset}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        made_of=lambda w: data_made_of(w.dataset),
    script:
        "../scripts/prepare_data.py"
