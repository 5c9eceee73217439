"""Files and words of outsiders: nothing waits for a pipe, steers a terminal or writes markup into a page."""

import os
import socket
import subprocess
import sys
import zipfile
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import jinja2
import matplotlib
import numpy as np
import pandas as pd
import pytest
from docutils.core import publish_parts
from test_jobs import run

from normreg.config import schema
from normreg.data import npz_file
from normreg.errors import ConfigError, DataError, NormregError, printable
from normreg.report import landing
from normreg.utils import pictures
from normreg.utils.files import regular_file

# Escape codes (C0 and C1), a bell, line ends of Unicode, a text that runs from right to left, half a surrogate pair
ACTING = ("\x1b[2J", "\x9b2J", "\x07", "a\nb", "a\rb", "a\u2028b", "a\u2029b", "a\x85b", "\u202egnp.exe", "\udcff")


# --- files


def not_files(folder: Path) -> dict[str, Path]:
    """What is no regular file, by the words that say so."""
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(folder / "socket"))  # a path of a socket has 107 characters at most
    (folder / "link").symlink_to("/dev/zero")
    return {"a pipe": folder / "pipe", "a socket": folder / "socket", "a folder": folder, "a device": folder / "link"}


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    """A reader that opens the pipe waits for ever, and one that reads the device fills the memory."""
    for kind, path in not_files(tmp_path).items():
        with pytest.raises(OSError, match=f"it is {kind}, expected a regular file"):
            regular_file(path)
        for read in (npz_file.headers, pictures.read_header, schema.read_yaml):
            with pytest.raises(NormregError, match=rf"^{path}.*it is {kind}, expected a regular file"):
                read(path)
    with pytest.raises(OSError, match="No such file"):
        regular_file(tmp_path / "missing")
    with pytest.raises(OSError, match="null"):
        regular_file("a\0b")


def test_a_file_too_large_is_never_opened(tmp_path: Path) -> None:
    """Thirty gigabytes of which the disk stores nothing."""
    with open(tmp_path / "large.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(30 * 2**30)
    with pytest.raises(
        DataError, match=r"large\.png cannot be read .*it has 32,212,254,720 bytes, expected 1,073,741,824 at most"
    ):
        pictures.read_header(tmp_path / "large.png")
    with pytest.raises(
        ConfigError, match=r"large\.png: cannot be read \(it has 32,212,254,720 bytes, expected 524,288 at most"
    ):
        schema.read_yaml(tmp_path / "large.png")
    assert regular_file(tmp_path / "large.png") == tmp_path / "large.png"


def test_a_header_that_asks_for_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    """A .npy file of version 2.0 whose header is said to have 4 GB. The archive has 64 MB of it, in 64 kB."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        file.write(b"\x93NUMPY\x02\x00\xff\xff\xff\xff")
        for _ in range(64):
            file.write(b" " * 2**20)
    with pytest.raises(DataError, match=r"a\.npz: cannot be read as a \.npz file \(.*header"):
        npz_file.headers(tmp_path / "a.npz")


NINE = range(1, 10)
REPEATED = {
    "merges": "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in NINE),
    "lists": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in NINE),
    "keys": "? &a0 [x]\n: 1\n" + "".join(f"? &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n: 1\n" for i in NINE),
    "itself": "a: &a [*a]\n",
    "merges itself": "a: &a\n  <<: *a\n",
    "levels": "[" * 2000,
}


@pytest.mark.parametrize("kind", REPEATED)
def test_a_short_file_of_a_billion_values_is_refused_before_they_are_made(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.yaml").write_text(REPEATED[kind])
    with pytest.raises(
        ConfigError, match=r"x\.yaml: not readable as YAML: (more than 20,000 values|nested too deeply)"
    ):
        schema.read_yaml(tmp_path / "x.yaml")


@pytest.mark.parametrize("text", [*ACTING, "a</script>", "<SCRIPT>x", "x<!--", "</ScRiPt"])
def test_a_text_of_a_file_never_acts_on_a_terminal_or_in_the_report(text: str) -> None:
    """Line ends may stand in texts of several lines; names have patterns that refuse them."""
    for content in ({"name": text}, {"classes": ["a", text]}, {text: 1}):
        if text == "a\nb":
            continue
        with pytest.raises(ConfigError, match=r"^x: key .*found .*; expected a text without") as error:
            schema.validate({"npz": "a.npz", **content}, "dataset.schema.yaml", "x")
        assert str(error.value).isprintable()
    schema._check_values({"a": ["x < y > z", "a\n<b>", "نمی\u200cدانم"]}, "x")


# --- words on a terminal


@pytest.mark.parametrize("text", ACTING)
def test_a_message_never_acts_on_a_terminal(text: str) -> None:
    shown = str(DataError(f"{text}.png: found this"))
    assert shown.isprintable()
    assert "\\" in shown
    assert shown.endswith(".png: found this")


def test_letters_of_any_language_stay_as_they_are() -> None:
    for text in ("Größe 猫 кот γάτα", "نمی\u200cدانم", "👩\u200d🌾", "a b\u3000c\u00a0d"):
        assert printable(text) == text


def test_names_of_arrays_and_tracebacks_do_not_act_on_a_terminal(root: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"\x1b[31mred": np.zeros(3)})
    body = f"from normreg.data import npz_file; jobs.log.info('has %s', *npz_file.headers({str(tmp_path / 'a.npz')!r}))"
    done, log = run(root, tmp_path, body)
    assert log == done.stderr == "has \\x1b[31mred\n"
    done, log = run(root, tmp_path, "raise RuntimeError('\\x1b[2J')")
    assert "Traceback" in log
    assert "RuntimeError: \\x1b[2J" in log
    assert "\x1b" not in log + done.stderr
    done, log = run(root, tmp_path, "jobs.log.info('left out: %s', 'a\\nerror: b\\u2028\\x9b2J')")
    assert log == done.stderr == "left out: a\\nerror: b\\u2028\\x9b2J\n"


# --- words in the report


def landing_page(root: Path, folder: Path, words: str) -> str:
    """The landing page as Snakemake makes it: a job's page in a template that Jinja fills and docutils reads."""
    shown = {"comparison": words, "validation": words, "command": "snakemake", "plan": []}
    params = SimpleNamespace(landing=shown, rules={"planned_seeds": None, "margin": {}})
    facts = {"params": params, "folder": folder}
    facts["summary"] = pd.DataFrame({"condition": ["none-bn"], "seed": [0], "diverged_epoch": [None]})
    spec = SimpleNamespace(train_images=10)
    landing.make(SimpleNamespace(title=words, contrasts=[], spec=spec, sweeps=(), runs=[{"seed": 0}], **facts))
    text = (root / "workflow/report/overview.rst").read_text(encoding="utf-8")
    config = {"report": {"landing": [str(folder / "landing.fragment")]}}
    filled = jinja2.Environment().from_string(text).render(snakemake=SimpleNamespace(config=config))
    return str(publish_parts(filled, writer_name="html", settings_overrides={"report_level": 1})["html_body"])


@pytest.mark.filterwarnings("ignore:Argument .writer_name")
@pytest.mark.parametrize(
    "attack",
    [
        ".. include:: {secret}",
        ".. raw:: html\n   :file: {secret}",
        ".. |s| replace:: {secret}\n\n|s|",
        ".. csv-table::\n   :file: {secret}",
        "`x <javascript:alert(1)>`_",
        "`{secret}`_ |s| ``{secret}`` *x* [1]_ x_",
        "<script>alert(1)</script>",
        "<!--",
        "{{{{ snakemake.config }}}}{{% include '{secret}' %}}",
        "$x$",
    ],
)
def test_words_of_a_data_set_are_words_on_the_landing_page(root: Path, tmp_path: Path, attack: str) -> None:
    (tmp_path / "secret").write_text("PRIVATE")
    for end in ("\n\n", "\u2028\u2028", "\x85\x85", "\x1c\x1c", "\r\r", " ", "\n\n   "):
        words = f"name{end}{attack.format(secret=tmp_path / 'secret')}{end}end"
        page = landing_page(root, tmp_path, words)
        assert not any(wrong in page for wrong in ("PRIVATE", "system-message", "<script", "<a "))
        assert " ".join(unescape(page).split()).count(" ".join(words.split())) == 3


# --- figures whatever a person has set up

_HOSTILE_RC = """\
image.origin: lower
image.cmap: prism
image.interpolation: bicubic
text.usetex: True
text.parse_math: False
font.family: serif
font.size: 30
font.sans-serif: Comic Sans MS
axes.facecolor: black
axes.titlesize: 40
axes.linewidth: 9
axes.formatter.use_locale: True
lines.linewidth: 12
markers.fillstyle: left
figure.autolayout: True
figure.subplot.left: 0.4
savefig.bbox: tight
savefig.transparent: True
savefig.dpi: 10
savefig.format: pdf
svg.fonttype: none
path.sketch: 3, 100, 2
xtick.direction: in
timezone: Asia/Tokyo
"""
_DRAWING = """
from normreg.utils import jobs
with jobs.job("log"):
    import numpy as np
    from normreg.report import confusion, curves, gallery, style
    from normreg.report import job
    from normreg.report.explorer.curves import marker_path
    random = np.random.default_rng(0)
    names, labels = ("5 $ or $ 6", "ba", "ca"), np.arange(60) % 3
    logits = random.normal(size=(60, 3)).astype(np.float32)
    images = random.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    found = job.PredictedImages(logits, labels, np.arange(60), images, names)
    style.save(gallery.draw(found, "$1 and $2"), "gallery.png")
    style.save(confusion.draw(found, "T"), "confusion.png")
    style.save(confusion.draw(found, "T"), "confusion.svg")
    open("marker", "w").write(marker_path("o"))
"""


def drawn(root: Path, folder: Path, **environment: str) -> dict[str, bytes]:
    """The files that a job of figures makes in a folder."""
    folder.mkdir(exist_ok=True)
    python = {"PYTHONPATH": str(root / "workflow/scripts"), "HOME": str(folder)}
    cache = {"MPLCONFIGDIR": matplotlib.get_configdir()}  # the list of fonts, which takes long to make
    done = subprocess.run(
        [sys.executable, "-c", _DRAWING], cwd=folder, env=os.environ | python | cache | environment, check=False
    )
    assert done.returncode == 0, (folder / "log").read_text()
    return {name: (folder / name).read_bytes() for name in ("gallery.png", "confusion.png", "confusion.svg", "marker")}


def test_figures_are_the_same_whatever_a_person_has_set_up(root: Path, tmp_path: Path) -> None:
    """Two files of settings, one of them a pipe; a backend that is not installed, as notebooks have it; a place."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/matplotlibrc").write_text(_HOSTILE_RC)
    os.mkfifo(tmp_path / "pipe")
    hostile = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": str(tmp_path / "pipe")}
    hostile |= {"TZ": "Asia/Tokyo", "LC_ALL": "C", "DISPLAY": "nowhere:7", "PYTHONHASHSEED": "7"}
    mine, plain = drawn(root, tmp_path / "mine", **hostile), drawn(root, tmp_path / "plain")
    assert {name: mine[name] == plain[name] for name in plain} == dict.fromkeys(plain, True)
