"""What identifies the source of a data set of one's own. Snakemake compares it with that of the prepared file."""

from normreg.config.dataset_spec import ImageFolder, NpzFile
from normreg.data import image_folder, npz_file


def digest(source: NpzFile | ImageFolder) -> str:
    """SHA-256 of the content of a `.npz` file or a folder, in hexadecimal.

    Raises:
        DataError: a file cannot be read.
    """
    return npz_file.content(source) if isinstance(source, NpzFile) else image_folder.content(source)
