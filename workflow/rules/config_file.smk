# Reports mistakes that Snakemake does not see or ends with a traceback: files in the place of folders, wrong YAML in
# config/config.yaml, and a key given twice there. No rules here.
import sys
from pathlib import Path

SCRIPTS = Path(str(workflow.current_basedir)).parent / "scripts"
if not SCRIPTS.is_dir():  # Snakemake fetches single files, and the library is a folder
    raise WorkflowError(
        f"normreg: {SCRIPTS} is no folder here. Clone normreg, and import its Snakefile from the clone: see docs/module.md."
    )
sys.path.insert(0, str(SCRIPTS))

from normreg.config import schema
from normreg.errors import ConfigError

# A workflow that imports this one can give it a prefix. Rules have it by themselves; a path that is used elsewhere does
# not. These attributes are not documented.
_modifier = getattr(getattr(workflow, "modifier", None), "path_modifier", None)


def placed(path):
    """A path as it is in rules: with the importing workflow's prefix."""
    return str(_modifier.replace_prefix(path)) if hasattr(_modifier, "replace_prefix") else path


for folder in map(placed, ("results", "resources", "logs")):
    if Path(folder).exists() and not Path(folder).is_dir():
        raise WorkflowError(f"{folder}: found a file, expected a folder or nothing. Move it away and run again.")

if Path("config/config.yaml").exists():  # it may be a pipe, for which Snakemake would wait
    try:
        schema.read_yaml(Path("config/config.yaml"), strict=False)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
