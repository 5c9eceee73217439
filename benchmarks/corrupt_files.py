"""Corrupts the files of finished runs in many ways, and reads each as the jobs do: refused, or found unchanged.

    .venv/bin/python benchmarks/corrupt_files.py --cases 1000 [--seed 0]

Two studies of two conditions and two seeds are trained on scikit-learn's digits. Prints counts by kind of corruption
and file; ends with status 1 at the first content that differs and is accepted, and at the first traceback.
"""

import argparse
import csv
import io
import pickle
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import numpy as np
import torch
from finished_runs import NAMES, Finished, make

from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS
from normreg.errors import DataError

REFUSED, UNCHANGED = "refused", "no change of content"


# --- corruptions: each takes the run, a file's name and a source of chance, and gives the file's new content


def _swap(kind: str) -> Callable[[Finished, str, random.Random], bytes]:
    return lambda run, name, _: (run.others[kind] / name).read_bytes()


def _cut(run: Finished, name: str, chance: random.Random) -> bytes:
    content = (run.folder / name).read_bytes()
    return content[: chance.randrange(len(content))]


def _flip(run: Finished, name: str, chance: random.Random) -> bytes:
    content = bytearray((run.folder / name).read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def _foreign(run: Finished, name: str, chance: random.Random) -> bytes:
    """Another kind of file, noise, a pickle, or a table of somebody else."""
    other = chance.choice([n for n in NAMES if n != name])
    return chance.choice(
        [
            (run.folder / other).read_bytes(),
            chance.randbytes(chance.randrange(2000)),
            pickle.dumps({"seed": chance.random()}),
            f"epoch,validation_accuracy\r\n1,{chance.random()}\r\n".encode(),
            b"a" * 131_073,
        ]
    )


def _duplicate(run: Finished, name: str, chance: random.Random) -> bytes:
    """A row twice, or away; of other files, all of it twice."""
    content = (run.folder / name).read_bytes()
    if not name.endswith(".csv"):
        return content + content
    lines = content.splitlines(keepends=True)
    row = chance.randrange(1, len(lines))
    lines[row : row + 1] = [lines[row]] * chance.choice([0, 2])
    return b"".join(lines)


def _rewrite(run: Finished, name: str, chance: random.Random) -> bytes:
    """A sound file of the right kind and identity whose content is another one."""
    if name.endswith(".csv"):
        rows = list(csv.reader((run.folder / name).read_text().splitlines()))
        row, column = chance.randrange(1, len(rows)), chance.randrange(len(rows[0]))
        rows[row][column] = chance.choice(["nan", "inf", "-1", "1e999", "", "0.5", "x" * 131_073, "null"])
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        return text.getvalue().encode()
    buffer = io.BytesIO()
    if name.endswith(".npz"):
        np.savez_compressed(buffer, **_other_arrays(dict(np.load(run.folder / name)), chance))
    else:
        torch.save(_other_parts(torch.load(run.folder / name, weights_only=True), chance), buffer)
    return buffer.getvalue()


def _other_arrays(arrays: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Labels in another order, fewer images, one image many times, or a part less."""
    if "logits" in arrays:
        count = len(arrays["labels"])
        order = np.array(chance.sample(range(count), count))
        chosen = chance.choice([order, np.arange(count // 2), np.zeros(count, int)])
        kinds = [{k: arrays[k][chosen] for k in ("logits", "labels", "indices")}, {"labels": arrays["labels"][order]}]
        kinds.append({"logits": arrays["logits"][:, ::-1]})
    else:
        del arrays["made_of"]  # no job reads it
        kinds = []
        for split in ("train", "test"):
            labels = arrays[f"{split}_labels"]
            order = np.array(chance.sample(range(len(labels)), len(labels)))
            kinds.append({f"{split}_labels": labels[order]})
            kinds.append({f"{split}_labels": labels[:-1], f"{split}_images": arrays[f"{split}_images"][:-1]})
        whole = arrays | chance.choice(kinds)
        parts = {k: v for k, v in whole.items() if k not in ("digest", "made_of")}
        kinds.append({**parts, "digest": np.array(Dataset(**parts).digest())})  # by somebody who knows how
    if chance.random() < 0.2:
        del arrays[chance.choice(sorted(arrays))]
        return arrays
    return arrays | chance.choice(kinds)


def _other_parts(content: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A checkpoint with a part less, or one of another type or value."""
    part = chance.choice(["state_dict", "condition", "data_digest", "engine", "run", "network"])
    values: list[Any] = [torch.zeros(3), None, 7, [torch.ones(2)], True]
    values += ["x"] if part != "engine" else []  # a text says which engine it was, whatever it says
    if chance.random() < 0.3:
        del content[part]
        return content
    return content | {part: chance.choice(values)}


KINDS: dict[str, Callable[[Finished, str, random.Random], bytes]] = {
    "swapped with another condition": _swap("condition"),
    "swapped with another seed": _swap("seed"),
    "swapped with another study": _swap("study"),
    "cut": _cut,
    "a bit flipped": _flip,
    "rows or file doubled, a row away": _duplicate,
    "a foreign file": _foreign,
    "rewritten": _rewrite,
}


def judge(run: Finished, right: dict[str, Any], name: str, content: bytes) -> str:
    """Puts `content` in the place of a file, reads all files, and puts the old one back.

    Raises:
        AssertionError: it was accepted and is another content, or the message is not one line that names a file.
    """
    path = run.folder / name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        found = run.read()
    except DataError as error:
        message = str(error)
        assert message.startswith(str(run.folder)), message
        assert message.isprintable(), ascii(message)
        assert len(message) < 2000, message
        return REFUSED
    finally:
        path.write_bytes(before)
    assert found == right, f"{name}: accepted, and is another content"
    return UNCHANGED


def fuzz(run: Finished, cases: int, seed: int) -> Counter[tuple[str, str, str]]:
    """Counts of outcomes by kind and file, all kinds and files in turn."""
    chance, right = random.Random(seed), run.read()
    pairs = [
        (kind, name) for kind in KINDS for name in NAMES if not (kind.startswith("swapped") and name == "data.npz")
    ]
    counts: Counter[tuple[str, str, str]] = Counter()
    for case in range(cases):
        kind, name = pairs[case % len(pairs)]
        content = KINDS[kind](run, name, chance)
        try:
            counts[kind, name, judge(run, right, name, content)] += 1
        except Exception:
            print(f"case {case}: {kind}, {name}", file=sys.stderr)
            raise
    return counts


def main() -> None:
    """Trains, corrupts and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    from normreg.data import digits

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        run = make(Path(folder), digits.load(), DATASETS["digits"].digest)
        started = time.perf_counter()
        counts = fuzz(run, asked.cases, asked.seed)
    print(f"{asked.cases} cases in {time.perf_counter() - started:.0f} s: none accepted, no traceback\n")
    print(f"| corruption | {' | '.join(NAMES)} | {REFUSED} | {UNCHANGED} |\n|{'---|' * (len(NAMES) + 3)}")
    for kind in KINDS:
        each = [sum(counts[kind, name, outcome] for outcome in (REFUSED, UNCHANGED)) for name in NAMES]
        totals = [sum(counts[kind, name, outcome] for name in NAMES) for outcome in (REFUSED, UNCHANGED)]
        print(f"| {kind} | {' | '.join(map(str, each + totals))} |")


if __name__ == "__main__":
    main()
