"""Snakemake's command line in forks of a process that has imported it: a dry run costs a third of the time.

As a program, it runs the commands that it reads. Each has its own process, working directory, environment and
arguments, as if it were started by `python -m snakemake`.
"""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile


def snakemake(
    arguments: list[str], folder: Path, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Runs snakemake in `folder`. `stdout` has all that it wrote, also to stderr."""
    server = _server()
    with NamedTemporaryFile() as file:
        call = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": dict(environment),
            "output": file.name,
        }
        server.stdin.write(json.dumps(call) + "\n")
        code = int(server.stdout.readline())
        said = file.read().decode("utf-8", "backslashreplace")
    return subprocess.CompletedProcess(["snakemake", *arguments], code, said)


@cache
def _server() -> subprocess.Popen[str]:
    """One for each test process. It ends with it, because its input does."""
    return subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def _become(arguments: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """Turns this process into `python -m snakemake`."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for source, target in ((os.devnull, 0), (output, 1), (output, 2)):
        os.dup2(os.open(source, os.O_RDWR | os.O_APPEND), target)
    sys.argv, sys.path[0] = ["snakemake", *arguments], folder
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


def _serve() -> None:
    for module in ("snakemake.cli", "snakemake.api", "snakemake.persistence.file", "snakemake.report", "pandas"):
        __import__(module)  # imported by Snakemake only when a workflow is run
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            answers.close()
            return _become(**json.loads(line))
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
