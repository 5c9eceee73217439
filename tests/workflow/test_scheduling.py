"""How often Snakemake weighs the jobs that are ready. With thousands of them, it must not do so every second."""


def selections(output):
    return output.count("Resources before job selection")


def test_ready_jobs_are_weighed_once_for_each_job_that_ends(copy):
    ours = copy.snakemake("resources/digits.npz", "--forceall", "--verbose", cores=1).stdout
    assert 1 <= selections(ours) <= 2
    asked = ("--verbose", "--forceall", "--max-jobs-per-timespan", "50/1s")
    given = copy.snakemake("resources/digits.npz", *asked, cores=1).stdout
    assert "'_job_count': 50}" in given  # what a person asks for is kept
    assert "'_job_count': 50}" not in ours
