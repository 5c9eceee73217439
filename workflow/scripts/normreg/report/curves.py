"""Training against validation of one condition and seed: accuracy, loss and learning rate, which explains kinks."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from normreg.analysis import run_tables
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.report import style
from normreg.report.axes import epoch_ticks, scale_name, use_error_scale
from normreg.report.job import Job

COLUMNS = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
# No colours of penalties, and apart without colour too.
_TRAIN = {"color": "#6b6b6b", "linestyle": (0, (4, 1.5)), "marker": "s", "markerfacecolor": "white"}
_VALIDATION = {"color": "#00735c", "linestyle": "-", "marker": "o"}


@matplotlib.rc_context(style.RC)
def draw(table: dict[str, np.ndarray], title: str, diverged: int | None = None) -> Figure:
    """Draws accuracy, loss and learning rate below each other, over the same epochs.

    The labels of the axes are "accuracy", "loss" and "learning rate".

    Args:
        table: `epoch` and `COLUMNS`, each (E,).
        title: of the figure.
        diverged: the epoch after these in which the run diverged. None if it did not.
    """
    if not len(table["epoch"]):
        return style.only_words(title, f"This run diverged in epoch {diverged}.")
    figure = style.new_figure(9.6, 7.2)
    said = f"this run diverged in epoch {diverged}, after these epochs" if diverged else _subtitle(table)
    style.heading(figure, title, said)
    grid = figure.add_gridspec(
        3, 1, height_ratios=(5, 5, 1.6), left=0.072, right=0.985, bottom=0.07, top=0.835, hspace=0.2
    )
    for row, name in enumerate(("accuracy", "loss")):
        panel = figure.add_subplot(grid[row], label=name)
        _draw_panel(panel, table, name, QUANTITIES[f"validation_{name}"])
    _draw_rate(figure.add_subplot(grid[2], label="learning rate"), table)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(0.008, 0.918),
        ncols=2,
        frameon=False,
        handlelength=3.5,
        columnspacing=2,
    )
    return figure


def _subtitle(table: dict[str, np.ndarray]) -> str:
    """Final and best validation accuracy. The best is picked on the validation split, so it is optimistic."""
    accuracy = table["validation_accuracy"]
    best = int(np.nanargmax(accuracy))
    final = f"validation accuracy: final {accuracy[-1]:.2f} % (epoch {table['epoch'][-1]})"
    if accuracy[-1] == accuracy[best]:
        return f"{final}, no epoch was better"
    when = f"epoch {table['epoch'][best]}, picked on the validation split: optimistic"
    return f"{final}, best {accuracy[best]:.2f} % ({when})"


def _draw_panel(axes: Axes, table: dict[str, np.ndarray], name: str, quantity: Quantity) -> None:
    epochs, train, validation = table["epoch"], table[f"train_{name}"], table[f"validation_{name}"]
    for values, look, label in (
        (train, _TRAIN, "training (running over the epoch, with dropout and augmentation on)"),
        (validation, _VALIDATION, "validation (evaluation mode, after the epoch)"),
    ):
        measured = ~np.isnan(values)
        points = {"linewidth": 1.7, "markersize": 4.5, "markevery": max(1, round(measured.sum() / 12)), **look}
        axes.plot(epochs[measured], values[measured], label=label, **points)
    use_error_scale(axes, quantity, np.concatenate([train, validation[~np.isnan(validation)]]))
    unit = quantity.unit + ("" if quantity.percent else " without penalty")
    style.panel_title(axes, f"{name} ({unit}), {scale_name(quantity)}")
    _epochs(axes, epochs)
    axes.tick_params(axis="x", labelbottom=False)


def _draw_rate(axes: Axes, table: dict[str, np.ndarray]) -> None:
    """Draws the learning rate. Its highest value is a tick, and so the only height that is to be read."""
    rates = table["learning_rate"]
    axes.plot(table["epoch"], rates, color="#333333", linewidth=1.2, marker=".", markersize=4)
    peak = int(rates.argmax())
    axes.set_ylim(0, 1.15 * float(rates[peak]) or 1.0)
    axes.set_yticks([0, float(rates[peak])], ["0", f"{rates[peak]:.3g}"])
    flat = bool(np.all(rates == rates[peak]))
    where = "the same in all epochs" if flat else f"highest in epoch {table['epoch'][peak]}"
    style.panel_title(axes, f"learning rate at the start of each epoch, {where}", pad=4)
    axes.set_xlabel("epoch")
    _epochs(axes, table["epoch"])


def _epochs(axes: Axes, epochs: np.ndarray) -> None:
    last = int(epochs[-1])
    axes.set_xlim(1 - 0.02 * last, last + 0.02 * last)
    axes.set_xticks(epoch_ticks(1, last))


def make(job: Job) -> None:
    """Training and validation of a condition's first seed."""
    picture = job.params.picture
    table = run_tables.read_metrics(job.input.metrics, COLUMNS, picture["identity"], picture["epochs"])
    title = f"Training and validation: {picture['title']}"
    figure = draw(table, title, run_tables.diverged_epoch(table, picture["epochs"]))
    style.save(figure, *job.paths(f"{job.condition}/curves"))
