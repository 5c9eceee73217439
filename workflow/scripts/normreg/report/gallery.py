"""The misclassified images of one trained network, most confident first."""

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from normreg.analysis.predictions import Diverged
from normreg.report import style, tiles
from normreg.report.job import Job, PredictedImages
from normreg.report.tiles import Tile

MOST = 25


@dataclass(frozen=True)
class Mistake:
    """One misclassified image."""

    row: int  # in the predictions
    index: int  # in the test split
    actual: int
    predicted: int
    confidence: float  # softmax of the predicted class, 0 to 1


def most_confident(predictions: PredictedImages, most: int = MOST) -> list[Mistake]:
    """The `most` most confident mistakes (all, if there are fewer), most confident first, ties by index."""
    logits, predicted = predictions.logits.astype(np.float64), predictions.predicted
    # The sum of the softmax without its largest term. It still orders confidences that are rounded to 1.
    rest = np.exp(logits - logits.max(axis=1, keepdims=True))
    rest[np.arange(len(rest)), predicted] = 0
    doubt = rest.sum(axis=1)
    wrong = np.flatnonzero(predictions.wrong)
    order = wrong[np.lexsort((predictions.indices[wrong], doubt[wrong]))][:most]
    return [
        Mistake(
            row=int(row),
            index=int(predictions.indices[row]),
            actual=int(predictions.labels[row]),
            predicted=int(predicted[row]),
            confidence=float(1 / (1 + doubt[row])),
        )
        for row in order
    ]


def caption(total: int, images: int, most: int = MOST) -> str:
    """Says which mistakes are shown, and how many there are."""
    among = f"among {images:,} images"
    how = ", actual → predicted class, with the model's confidence"
    if total == 0:
        return f"no mistakes {among}"
    if total > most:
        return f"{most} most confident of {total:,} mistakes {among}{how}"
    noun = "the only mistake" if total == 1 else f"all {total} mistakes"
    return f"{noun} {among}{', most confident first' if total > 1 else ''}{how}"


@matplotlib.rc_context(style.RC)
def draw(predictions: PredictedImages | Diverged, title: str) -> Figure:
    """Draws up to `MOST` mistakes, five in a row. `title` says whose; the caption says how many there are."""
    title = f"Most confident mistakes: {title}"
    if isinstance(predictions, Diverged):
        return style.only_words(title, predictions.sentence)
    mistakes = most_confident(predictions)
    classes = tiles.between(predictions.class_names, [(one.actual, one.predicted) for one in mistakes])
    found = {
        f"mistake {place}": _tile(predictions, one, classes[one.actual, one.predicted])
        for place, one in enumerate(mistakes)
    }
    subtitle = caption(predictions.mistakes, len(predictions.labels))
    return tiles.gallery(found, title, subtitle, "No mistakes: every image is classified correctly.")


def _tile(predictions: PredictedImages, mistake: Mistake, classes: str) -> Tile:
    file = tiles.file_line(predictions.files[mistake.row]) if predictions.files else ""
    text = f"{_percent(mistake.confidence)}\nimage {mistake.index}{file}"
    return Tile(predictions.images[mistake.row], classes, text)


def _percent(confidence: float) -> str:
    """A confidence as text, with one decimal. A confidence above 0.9995 is never shown as 100 %."""
    return "> 99.9 %" if confidence > 0.9995 else f"{100 * confidence:.1f} %"


def make(job: Job) -> None:
    """The mistakes of the saved model of a condition's first seed."""
    style.save(draw(job.predictions, job.params.picture["title"]), job.folder / job.condition / "gallery.png")
