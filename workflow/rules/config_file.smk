# Reports mistakes that Snakemake does not see or ends with a traceback: files in the place of folders, wrong YAML in
# config/config.yaml, and a key given twice there. No rules here.
import sys
from pathlib import Path

SCRIPTS = Path(workflow.current_basedir).parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from normreg.config import schema
from normreg.errors import ConfigError

for folder in ("results", "resources", "logs"):
    if Path(folder).exists() and not Path(folder).is_dir():
        raise WorkflowError(f"{folder}: found a file, expected a folder or nothing. Move it away and run again.")

if Path("config/config.yaml").is_file():
    try:
        schema.read_yaml(Path("config/config.yaml"), strict=False)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
