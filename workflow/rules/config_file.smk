# Reads config/config.yaml before Snakemake does, which keeps the last of two equal keys and ends some mistakes in a
# traceback. No rules here.
import sys
from pathlib import Path

SCRIPTS = Path(workflow.current_basedir).parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from normreg import validation
from normreg.errors import ConfigError

if Path("config/config.yaml").is_file():
    try:
        validation.read_yaml(Path("config/config.yaml"))
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
