# Reports mistakes that Snakemake does not see or ends with a traceback: another normreg, files in the place of folders,
# wrong YAML in config/config.yaml, and a key given twice there. No rules here.
import contextlib
import importlib.util
import os
import shlex
import sys
from pathlib import Path

SCRIPTS = Path(str(workflow.current_basedir)).parent / "scripts"
if not SCRIPTS.is_dir():  # Snakemake fetches single files, and the library is a folder
    raise WorkflowError(
        f"normreg: {SCRIPTS} is no folder here. Clone normreg, and import its Snakefile from the clone: see docs/module.md."
    )
sys.path.insert(0, str(SCRIPTS))

# Python takes byte code whose note has the source's time and size. An edit can keep both (cp -p, rsync -t), but not the
# time of the file's last change.
for source in (SCRIPTS / "normreg").rglob("*.py"):
    with contextlib.suppress(OSError):  # there is none, or another run removes it too
        compiled = Path(importlib.util.cache_from_source(source))
        if compiled.stat().st_mtime <= source.stat().st_ctime:
            compiled.unlink()

import normreg

# Whatever Python loads at its start may have imported another one, and so may a second clone in an importing workflow.
if os.path.realpath(normreg.__file__ or "") != os.path.realpath(SCRIPTS / "normreg/__init__.py"):
    raise WorkflowError(
        f"normreg: {normreg.__file__} is loaded already, but this workflow needs {SCRIPTS}/normreg. Take the other one out "
        "of this environment (pip uninstall normreg, PYTHONPATH, sitecustomize.py), and run two clones one by one."
    )

from normreg.config import schema
from normreg.errors import ConfigError

# Snakemake writes the interpreter into a job's shell command without quotes. (A module may be imported twice.)
if os.path.exists(sys.executable):
    sys.executable = shlex.quote(sys.executable)

# A workflow that imports this one can give it a prefix. Rules have it by themselves; a path that is used elsewhere does
# not. These attributes are not documented.
_modifier = getattr(getattr(workflow, "modifier", None), "path_modifier", None)


def placed(path):
    """A path as it is in rules: with the importing workflow's prefix."""
    return str(_modifier.replace_prefix(path)) if hasattr(_modifier, "replace_prefix") else path


for folder in (*map(placed, ("results", "resources", "logs")), ".snakemake"):
    if os.path.lexists(folder) and not os.path.isdir(folder):
        found = "a file" if os.path.exists(folder) else f"a link to {os.readlink(folder)}, which is not there"
        raise WorkflowError(f"{folder}: found {found}; expected a folder or nothing. Move it away and run again.")

if not os.access(".snakemake" if os.path.exists(".snakemake") else ".", os.W_OK):
    raise WorkflowError(
        f"{Path('.snakemake').absolute()}: this user may not write there. Snakemake keeps its records there and needs them "
        "also for -n and --report. Make the folder writable, or give --directory a folder of your own."
    )

CONFIG = Path("config/config.yaml")
if not os.path.lexists(CONFIG):  # with --directory, or with -s from another folder
    CONFIG = SCRIPTS.parents[1] / CONFIG
if CONFIG.exists():  # it may be a pipe, for which Snakemake would wait
    try:
        schema.read_yaml(CONFIG, strict=False)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
