# Compiles the CPU engine's kernels of a network once for all jobs. Training waits for it but never reruns because of it;
# where no kernels are wanted (digits, a GPU, engine=torch) it only writes its note. `engine`, `device` and `epochs` are
# read from the configuration outside of params: should kernels be wanted later, the first job that does compiles them.
rule compile_kernels:
    input:
        data="resources/{dataset}.npz",
        code=code("compile_kernels.py"),
    output:
        note="resources/engine/{dataset}/{network}.txt",
    log:
        "logs/compile_kernels/{dataset}/{network}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        cache=KERNELS,
    script:
        "../scripts/compile_kernels.py"
