# Compiles the CPU engine's kernels of a network once for all jobs of a study; where none are wanted (short runs, a GPU,
# engine=torch) it only writes its note. Whether they are wanted is asked of the function that training asks, with the
# same facts. Training waits for the note and never reruns because of it. The rule has no inputs, and reads `engine`,
# `device` and the study's conditions outside of params: a job that finds kernels missing, because the engine's code or
# the configuration is another one now, compiles them itself while the others wait.
rule compile_kernels:
    output:
        note="resources/engine/{dataset}/{study}/{network}.txt",
    log:
        "logs/compile_kernels/{dataset}/{study}/{network}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        cache=KERNELS,
    script:
        "../scripts/compile_kernels.py"
