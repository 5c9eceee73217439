# Compiles the CPU engine's kernels of a network once for all jobs; where none are wanted (digits, a GPU, engine=torch) it
# only writes its note. Training waits for the note and never reruns because of it. The rule has no inputs, and reads
# `engine`, `device` and `epochs` outside of params: a job that finds kernels missing, because the engine's code or the
# configuration is another one now, compiles them itself while the others wait.
rule compile_kernels:
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
