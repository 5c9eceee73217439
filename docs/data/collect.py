"""Gathers the results of finished runs into small files from which everything can be judged again without training.

    python docs/data/collect.py results/mnist/gilf641 docs/data/mnist-gilf641

Reads `metrics.csv` and `predictions.npz` of every finished run below the first folder, of whatever version of normreg,
and adds them to the files of the second one. A run that is there already is left as it is. The files:

- `runs.csv`: a row a run, with what its files say of its training and its predictions, and the processor.
- `curves.csv`: a row an epoch of each run, the columns of `metrics.csv`.
- `images.npz`: of each condition the number of runs, and of each test image how many of them were right and the sum of
  its losses (of the true class, nats).
- `mistakes.csv.gz`: a row a mistake: image, actual and predicted class, the confidence.
- `about.json`: where the numbers come from: the resolved settings of each condition, and identities.
"""

import argparse
import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


def processor() -> str:
    """The name of this machine's processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, or none if there is no file."""
    if not path.is_file():
        return []
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes rows in the order of conditions and seeds. Equal rows give equal bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def settings_of(checkpoint: Path) -> dict[str, Any]:
    """The resolved condition in a checkpoint."""
    import torch

    return dict(torch.load(checkpoint, weights_only=True)["condition"])


def collect(results: Path, data: Path) -> None:
    """Adds the finished runs below `results` to the files in `data`."""
    data.mkdir(parents=True, exist_ok=True)
    runs, curves, mistakes = (rows_of(data / name) for name in ("runs.csv", "curves.csv", "mistakes.csv.gz"))
    images = dict(np.load(data / "images.npz")) if (data / "images.npz").is_file() else {}
    about = json.loads((data / "about.json").read_text()) if (data / "about.json").is_file() else {"conditions": {}}
    known = {(run["condition"], run["seed"]) for run in runs}
    for path in sorted(results.glob("*/seed*/predictions.npz")):
        condition, seed = path.parent.parent.name, path.parent.name.removeprefix("seed")
        if (condition, seed) in known:
            continue
        try:
            saved = dict(np.load(path))
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise SystemExit(f"{path}: cannot be read ({error}). Make this run again.") from None
        if "logits" not in saved:
            print(f"{path.parent}: diverged, so it is left out")
            continue
        who = {"condition": condition, "seed": seed}
        epochs = rows_of(path.with_name("metrics.csv"))
        columns = [name for name in epochs[0] if name not in ("data", "code", "run", "digest")]
        curves += [{**who, **{name: epoch[name] for name in columns}} for epoch in epochs]
        settings, prepared = settings_of(path.with_name("checkpoint.pt")), epochs[0].get("data", "")
        before = about["conditions"].setdefault(condition, settings), about.setdefault("data", prepared)
        if before != (settings, prepared):
            raise SystemExit(f"{path.parent}: has other settings or images than {data}; take another folder.")
        logits, labels = saved["logits"].astype(float), saved["labels"]
        losses = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(labels)), labels]
        predicted = logits.argmax(axis=1)
        wrong = np.flatnonzero(predicted != labels)
        confidence = np.exp(logits.max(axis=1) - np.logaddexp.reduce(logits, axis=1))
        for image in wrong:
            row = {"image": image, "actual": labels[image], "predicted": predicted[image]}
            mistakes.append({**who, **row, "confidence": f"{confidence[image]:.4f}"})
        for name, values in (("right", (predicted == labels).astype(np.int32)), ("loss", losses.astype(np.float32))):
            before = images.get(f"{condition}/{name}", np.zeros_like(values))
            images[f"{condition}/{name}"] = before + values
        images[f"{condition}/runs"] = images.get(f"{condition}/runs", np.zeros((), np.int32)) + 1
        of_run = {"engine": str(saved["engine"]), "processor": processor(), "code": epochs[0].get("code", "")}
        test = {"mistakes": len(wrong), "test_loss": f"{losses.mean():.6g}"}
        seconds = sum(float(epoch["seconds"]) for epoch in epochs)
        runs.append({**who, **test, **of_run, "seconds": f"{seconds:.1f}", "run": str(saved["run"])})
    save(data, {"runs.csv": runs, "curves.csv": curves, "mistakes.csv.gz": mistakes}, images, about)
    print(f"{data}: {len(runs)} runs of {len(about['conditions'])} conditions")


def save(
    data: Path, tables: dict[str, list[dict[str, Any]]], images: dict[str, np.ndarray], about: dict[str, Any]
) -> None:
    """Writes all files."""
    places = {name: place for place, name in enumerate(about["conditions"])}
    for name, rows in tables.items():
        rows.sort(key=lambda row: (places[row["condition"]], int(row["seed"])))  # within a run rows keep their order
        write(data / name, rows)
    np.savez_compressed(data / "images.npz", **{name: images[name] for name in sorted(images)})
    (data / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, help="the folder of a run, such as results/mnist/gilf641")
    parser.add_argument("data", type=Path, help="the folder of the files")
    options = parser.parse_args()
    collect(options.results, options.data)
