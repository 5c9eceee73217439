# Snakemake starts at most 100 jobs a second by default, and therefore weighs all ready jobs again every second, once more
# often for each job that has ended. With thousands of runs that keeps a core busy. Local jobs take seconds and need no such
# limit. No rules here.
if workflow.is_main_process and getattr(workflow, "local_exec", False):
    # Not documented attributes. A Snakemake without them keeps its limit, and so does one that was given another limit.
    scheduling = getattr(workflow, "scheduling_settings", None)
    limit = getattr(scheduling, "max_jobs_per_timespan", None)
    if (getattr(limit, "max_jobs", None), getattr(limit, "timespan", None)) == (100, 1):
        scheduling.max_jobs_per_timespan = None
