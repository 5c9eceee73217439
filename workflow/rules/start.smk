# What happens when Snakemake starts. It has one `onstart`, so all of it is here. No rules here.
from normreg.utils import snakemake_locks

# After a SIGKILL of Snakemake the same command goes on, without --unlock.
if workflow.is_main_process:
    snakemake_locks.release_dead()


def lift_rate_limit():
    """Local jobs start without the limit of 100 a second, which is Snakemake's default.

    With a limit, Snakemake weighs all ready jobs again every second, and once more often for each job that has ended.
    With thousands of runs that keeps a core busy. On a cluster the limit is right, and so is one that somebody gave.
    """
    # Not documented attributes. A Snakemake without them keeps its limit.
    scheduler = getattr(workflow, "scheduler", None)
    limiter = getattr(scheduler, "job_rate_limiter", None)
    default = (getattr(limiter, "max_jobs", None), getattr(limiter, "timespan", None)) == (100, 1)
    if default and getattr(workflow, "local_exec", False):
        scheduler.job_rate_limiter = None


onstart:
    if workflow.is_main_process:
        # Not a documented attribute. A Snakemake without it asks for --unlock, as in any other workflow.
        snakemake_locks.claim(getattr(workflow.persistence, "_lockfile", {}).values())
        lift_rate_limit()
