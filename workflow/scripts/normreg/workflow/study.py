"""A study as the rules see it: its runs, names, titles and files."""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from normreg.analysis import plan
from normreg.config import (
    claims,
    costs,
    datasets,
    identity,
    labels,
    networks,
    sizes,
    studies,
    study_files,
)
from normreg.config.condition import Condition
from normreg.config.identity import RunFacts
from normreg.config.studies import Run
from normreg.data.specs import DatasetSpec
from normreg.engines import select
from normreg.engines.contract import DataFacts
from normreg.errors import ConfigError
from normreg.report import registry
from normreg.settings import table

FOLDER = "results/{dataset}/{study}"
_network = functools.cache(networks.described)  # every run has it in its params
MOST_DRAWN = 12  # of a study with more conditions, only those of its `galleries` have pictures of their own


class Study:
    """One run of a study on a data set, with its seeds.

    Attributes:
        run: the study as it is executed.
        data: the data set.
        seeds: the seeds of every condition.
        source: the study whose names its conditions have: its own, or that which it confirms.
        wanted_engine: the key of the configuration.
    """

    def __init__(
        self,
        run: Run,
        data: DatasetSpec,
        seeds: Sequence[int],
        source: Run | None = None,
        wanted_engine: str = "auto",
    ) -> None:
        self.run, self.data, self.seeds, self.source = run, data, list(seeds), source or run
        self.wanted_engine = wanted_engine

    @property
    def folder(self) -> str:
        """Where its results are, as in rules."""
        return FOLDER.format(dataset=self.data.key, study=self.run.name)

    @property
    def title(self) -> str:
        """How pages and figures name it: the data, how many images train if not all do, and its run."""
        used = sorted({sizes.trained_images(one, self.data.train_images) for one in self.run.conditions.values()})
        several = f"{used[0]:,} to {used[-1]:,}" if len(used) > 1 else f"{used[0]:,}"
        images = "" if used == [self.data.train_images] else f", {several} images"
        return f"{self.data.name}{images} ({self.run.name})"

    @functools.cached_property
    def runs(self) -> list[RunFacts]:
        """The facts of each run, in the order of all lists of files."""
        return [
            identity.run_facts(
                self.data.key,
                self.run.name,
                name,
                settings,
                seed,
                sizes.trained_images(settings, self.data.train_images),
                _network(settings["network"]),
            )
            for name, settings in self.run.conditions.items()
            for seed in self.seeds
        ]

    @functools.cached_property
    def identity(self) -> str:
        """The identity of a table of all its runs."""
        return identity.identify_all([run["identity"] for run in self.runs])

    @functools.cached_property
    def named(self) -> dict[str, labels.Named]:
        """What figures call the conditions, with their shades."""
        found = labels.name_conditions(self.source.conditions, studies.named_by_people(self.source))
        return {name: found[name] for name in self.run.conditions}

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """A param of every job about the study, as plain data. What only some items need is in params of their own."""
        return {
            "dataset": self.data.key,
            "name": self.run.name,
            "study": self.run.study,
            "title": self.title,
            "runs": self.runs,
            "conditions": self.run.conditions,
            "declared": {name: self.run.conditions[name] for name in self.run.declared},
            "reference": self.run.reference,
            "crossed": list(self.run.crossed),
            "named": self.named,
            "sweeps": self.sweeps if self.run.sweeps else [],
            "data_digest": self.data.digest,
        }

    @property
    def brief(self) -> dict[str, Any]:
        """As `facts`, for jobs about one condition, which must not rerun with the others."""
        return {"dataset": self.data.key, "title": self.title, "data_digest": self.data.digest}

    @property
    def rules(self) -> dict[str, Any]:
        """A param: what verdicts go by."""
        return {
            "margin": studies.margin_of(self.run, self.data.test_images),
            "judge": list(self.run.judge),
            "planned_seeds": self.run.planned_seeds,
            "looks": list(self.run.looks),
        }

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        """A param: all settings as texts."""
        return studies.resolved_settings(self.run)

    @property
    def sweeps(self) -> list[dict[str, Any]]:
        """A param: its sweeps as plain data.

        Raises:
            ConfigError: there are none.
        """
        if not self.run.sweeps:
            raise ConfigError(f"study {self.run.name} has no sweeps, so it has no response curves.")
        return [asdict(sweep) for sweep in self.run.sweeps]

    @property
    def response_tables(self) -> list[str]:
        """The tables of its response curves. None if it has no sweeps."""
        names = ("responses.csv", "response_seeds.csv", "response_shapes.csv") if self.run.sweeps else ()
        return [f"{self.folder}/{name}" for name in names]

    @property
    def networks(self) -> dict[str, dict[str, Any]]:
        """A param: its networks as data."""
        names = sorted({settings["network"] for settings in self.run.conditions.values()})
        return {name: _network(name) for name in names}

    @property
    def landing(self) -> dict[str, Any]:
        """A param: what the landing page says besides the answer."""
        held_out = max(settings["holdout_images"] for settings in self.run.conditions.values())
        split = "the official test split"
        if held_out:
            split = f"a hold-out of {held_out:,} training images; effects are of the saved models on the test split"
        looks = self.run.looks
        planned = f"{plan.look_note(looks, len(self.seeds))} {self.cost}" if looks else ""
        return {"validation": split, "comparison": self.objection, "plan": planned, "command": self.command}

    @property
    def cost(self) -> str:
        """A sentence: how many runs its looks took so far, and may take."""
        return f"{len(self.runs)} runs are trained, of at most {len(self.run.conditions) * self.run.looks[-1]}."

    @functools.cache  # noqa: B019 - a few objects, as long as the process
    def at(self, look: int) -> "Study":
        """The same study with the first seeds, for a look at so many."""
        return Study(self.run, self.data, range(look), self.source, self.wanted_engine)

    @property
    def command(self) -> str:
        """The command that made it, but for the seeds and the machine."""
        keys = {"dataset": self.data.key, "study": self.run.study}
        first: Any = next(iter(self.run.conditions.values()))
        suffix = self.run.name.removeprefix(self.run.study)
        keys |= {key: first[key] for key, text in studies.SUFFIXES.items() if text.format(first[key]) in suffix}
        return f"snakemake --cores 4 --resources gpu=1 --config {' '.join(f'{k}={v}' for k, v in keys.items())}"

    @functools.cached_property
    def engine(self) -> select.Choice:
        """The engine that all its runs ask for."""
        return select.of_study(self.wanted_engine, self.run.conditions, self.data_facts)

    @property
    def data_facts(self) -> DataFacts:
        """What the choice of an engine depends on, besides the conditions."""
        return DataFacts(self.data.train_images, self.data.network_shape)

    @property
    def held_out(self) -> bool:
        """Whether it validates on a hold-out."""
        return any(settings["holdout_images"] for settings in self.run.conditions.values())

    @property
    def drawn(self) -> list[str]:
        """The conditions with pictures of their own."""
        every = [*self.run.galleries, *self.run.conditions]
        return list(dict.fromkeys(every if len(self.run.conditions) <= MOST_DRAWN else self.run.galleries))

    @property
    def objection(self) -> str | None:
        """A sentence: why it is not compared with the published results. None if it is, or if there are none."""
        block = study_files.read(self.run.study).get("published")
        if block is None or self._published:
            return None
        said = f"is not compared with the published results of {self.run.study}:"
        if self.run.published is None:
            return f"{self.run.name} {said} it has another network or other epochs than the study."
        return f"{self.run.name} on {self.data.name} {said} those are on {datasets.find(block['dataset']).name}."

    @property
    def _published(self) -> dict[str, Any] | None:
        block = self.run.published
        return block if block and block["dataset"] == self.data.key else None

    @property
    def published(self) -> dict[str, Any]:
        """A param: the published results that it is compared with, see `study.schema.yaml`.

        Raises:
            ConfigError: there are none.
        """
        if self._published is None:
            none = f"Study {self.run.study} has no published results."
            raise ConfigError(f"{self.objection or none} So there are no files called published.")
        return self._published

    @functools.cached_property
    def claims(self) -> list[claims.Claim]:
        """The claims about it. A run with other epochs or another network has none."""
        return claims.of_study(claims.load(), self.run.name)

    @property
    def claimed(self) -> dict[str, Any]:
        """A param: the claims, and where they were published.

        Raises:
            ConfigError: there is no claim.
        """
        if not self.claims:
            raise ConfigError(
                f"config/claims.yaml has no claim about the study {self.run.name}, so it has no such page."
            )
        return {"claims": self.claims, "source": (self.run.published or {}).get("source")}

    @property
    def kinds(self) -> set[str]:
        """What it has that some studies have not, for the table of report items."""
        held_out = self.held_out and any(len(sweep.over) == 1 and sweep.strengths for sweep in self.run.sweeps)
        return {
            kind
            for kind, there in {
                "published": self._published is not None,
                "claims": bool(self.claims),
                "sweeps": bool(self.run.sweeps),
                "chooses": held_out,
            }.items()
            if there
        }

    def condition(self, name: str) -> Condition:
        """The settings of a condition.

        Raises:
            ConfigError: there is none of this name.
        """
        return self.run.conditions[self._known("condition", name, self.run.conditions)]

    def essentials(self, condition: str) -> dict[str, Any]:
        """A param: the settings that are not neutral. So a setting that is new in the library retrains nothing."""
        return table.essential(self.condition(condition))

    def sweep(self, name: str) -> dict[str, Any]:
        """A sweep as plain data.

        Raises:
            ConfigError: there is none of this name.
        """
        known = {sweep["name"]: sweep for sweep in self.sweeps}
        return known[self._known("sweep", name, known)]

    def identify(self, condition: str, seed: int) -> str:
        """The identity of one run."""
        settings = self.condition(condition)
        layers = _network(settings["network"])
        return identity.identify(self.data.key, self.run.name, condition, settings, seed, layers)

    def picture(self, condition: str) -> dict[str, Any]:
        """A param: what the pictures of a condition show, which are of its first seed."""
        settings, seed = self.condition(condition), self.seeds[0]
        return {
            "title": f"{self.named[condition]['label']}, seed {seed}: {self.title}",
            "epochs": settings["epochs"],
            "identity": self.identify(condition, seed),
            "data_digest": self.data.digest,
        }

    def network(self, condition: str) -> dict[str, Any]:
        """A param: the network of a condition as data, by its name."""
        name = self.condition(condition)["network"]
        return {name: _network(name)}

    def targets(self, *wanted: str) -> list[str]:
        """Its files that are targets. `wanted` are some of "training", "evaluation", "figures", "tables".

        The list has every checkpoint and metrics file. Otherwise Snakemake would not make a missing one again, because
        only later jobs read it.
        """
        files = self.each("checkpoint.pt", "metrics.csv") if "training" in wanted else []
        files += self.each("predictions.npz", "weights.csv") if "evaluation" in wanted else []
        sweeps = [sweep.name for sweep in self.run.sweeps]
        items = registry.targets(self.kinds, self.drawn, sweeps, "figures" in wanted, "tables" in wanted)
        return files + [f"{self.folder}/{name}" for name in items]

    def minutes(self, condition: str) -> int:
        """What a batch system lets a training take."""
        return costs.training_minutes(self.condition(condition), self.data)

    def each(self, *files: str) -> list[str]:
        """These files of every run, in the order of `runs`."""
        folders = (f"{self.folder}/{run['condition']}/seed{run['seed']}" for run in self.runs)
        return [f"{folder}/{file}" for folder in folders for file in files]

    def first(self, condition: str, file: str) -> str:
        """A file of a condition's first seed."""
        return f"{self.folder}/{condition}/seed{self.seeds[0]}/{file}"

    def _known(self, what: str, name: str, known: Iterable[str]) -> str:
        if name not in known:
            raise ConfigError(f"study {self.run.name} has no {what} '{name}'; it has {', '.join(known)}.")
        return name


def memory(base: int, data: DatasetSpec) -> int:
    """Megabytes of a job: `base`, and what the images take. The prepared file is read, checked and divided."""
    return base + 4 * math.prod(data.shape) * (data.train_images + data.test_images) // 10**6
