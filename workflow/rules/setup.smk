# Finds the library, reads the configuration and says what is wrong before any job. No rules here.
import contextlib
import importlib.util
import os
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
from normreg.errors import ConfigError, NormregError
from normreg.workflow import freshness, internals

internals.quote_interpreter()
placed = internals.prefix(workflow)
CONFIG = Path("config/config.yaml")
if not os.path.lexists(CONFIG):  # with --directory, or with -s from another folder
    CONFIG = SCRIPTS.parents[1] / CONFIG
try:
    freshness.check_folders(*map(placed, ("results", "resources", "logs")), ".snakemake")
    if CONFIG.exists():  # it may be a pipe, for which Snakemake would wait
        schema.read_yaml(CONFIG, strict=False)
except ConfigError as error:
    raise WorkflowError(str(error)) from None
