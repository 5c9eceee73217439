# After a SIGKILL of Snakemake the same command goes on, without --unlock. No rules here.
from normreg.utils import snakemake_locks

if workflow.is_main_process:
    snakemake_locks.release_dead()


onstart:
    # Not a documented attribute. A Snakemake without it asks for --unlock, as in any other workflow.
    if workflow.is_main_process:
        snakemake_locks.claim(getattr(workflow.persistence, "_lockfile", {}).values())
