"""The studies that rules ask for: the configured one, and those that paths name."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from normreg.config import datasets, networks, sizes, studies, study_files
from normreg.config.studies import CONFIRM
from normreg.errors import ConfigError, DataError
from normreg.workflow.study import Study


class NothingChosenError(ConfigError):
    """A hold-out chose to leave the factor out, so that there is nothing to confirm."""


class Studies:
    """The configured study and those that paths name, each made once.

    Attributes:
        config: the checked configuration.
        main: the study of the configuration.
    """

    def __init__(self, config: Mapping[str, Any], placed: Callable[[str], str]) -> None:
        """Reads the study and checks that it fits the data set.

        Args:
            config: the checked configuration.
            placed: puts the prefix of an importing workflow before a path.

        Raises:
            ConfigError: the study, its networks or its name do not fit.
        """
        self.config, self._placed = config, placed
        self._known: dict[str, Study] = {}
        run, data = studies.load_run(config), datasets.find(config["dataset"])
        sizes.check(run.study, run.conditions, data)
        networks.check_all(run.conditions, data.network_shape)
        self.main = self.named(run.name)
        studies.check_name(run, self.main.run)

    def named(self, name: str) -> Study:
        """The study that paths name as {study}. A confirmation has the conditions that a finished run chose.

        Raises:
            ConfigError: no study gives a run of this name, or a confirmation has nothing to confirm.
            DataError: the table of choices is of other runs.
        """
        if name not in self._known:
            run = studies.load_named_run(name)
            plain = Study(run, datasets.find(self.config["dataset"]), self.config["seeds"], None, self.config["engine"])
            self._known[name] = self._confirmation(plain) if run.confirms else plain
        return self._known[name]

    def _confirmation(self, plain: Study) -> Study:
        """The seeds of a confirmation are new: none of them had a part in the choice."""
        from normreg.analysis import strengths  # not above: most calls need no pandas

        run = plain.run
        source = self.named(run.confirms)
        conditions = strengths.to_confirm(self._placed(f"{source.folder}/chosen.csv"), source.identity)
        if not conditions:
            raise NothingChosenError(
                f"{run.name}: nothing to confirm, because the hold-out chose no strength on any curve, see "
                f"chosen.csv of {run.confirms}."
            )
        first = max(self.config["seeds"]) + 1
        seeds = range(first, first + (run.planned_seeds or len(self.config["seeds"])))
        return Study(studies.only(run, conditions), plain.data, seeds, source.run, self.config["engine"])

    def published(self) -> list[Study]:
        """Every study with published results. Network and epochs of the configuration apply here too."""
        found = []
        for name in study_files.published():
            run = studies.load_run({**self.config, "study": name})
            study = self.named(run.name)
            studies.check_name(run, study.run)
            found.append(study)
        return found

    def looks(self) -> list[int]:
        """The looks of the configured study.

        Raises:
            ConfigError: it has none.
        """
        if not self.main.run.looks:
            raise ConfigError(
                f"decide: study {self.main.run.study} has no looks. Give them in its file before looking, such as "
                "`looks: [3, 5, 8, 10, 15, 20]`."
            )
        return list(self.main.run.looks)

    def confirmation(self) -> str:
        """The name of the run that confirms the configured study.

        Raises:
            ConfigError: it has nothing that can be confirmed, or the name is another study's.
        """
        run = self.main.run
        if "chooses" not in self.main.kinds:
            raise ConfigError(
                f"confirm: study {run.study} has nothing to confirm. It needs `validation: holdout`, on which a "
                "strength is chosen, and a sweep over a strength."
            )
        name = f"{run.name}{CONFIRM}"
        if study_files.exists(name):
            path = study_files.path_of(name)
            raise ConfigError(f"confirm: its results would go to {name}, which is a study; rename {path}.")
        return name


def decided(study: Study, path: Path) -> bool:
    """Whether every effect on the first of the study's quantities has a verdict in the `effects.csv` of a look.

    Where runs diverged, more seeds would not help.

    Raises:
        DataError: the table cannot be read, or is of other runs.
    """
    from normreg.analysis import answer as words  # not above: most calls need no pandas
    from normreg.analysis.verdicts import EffectVerdict, Level

    table = words.read(path, study.identity)
    main = table[(table["level"] == Level.EFFECT) & table["quantity"].isin(table["quantity"].head(1))]
    open_ = (EffectVerdict.UNDECIDED, EffectVerdict.TOO_FEW, EffectVerdict.NO_SPREAD)
    return bool((main["verdict"].notna() & ~main["verdict"].isin(open_)).all())


def answer(study: Study, folder: Path) -> list[str]:
    """What came out, from the tables of a finished run: sentences on diverged runs, each response curve, each effect.

    Of tables that cannot be read there is nothing. The jobs that read them say what is wrong.
    """
    from normreg.analysis import answer as words  # not above: pandas takes half a second, and most calls need none
    from normreg.analysis import summary

    found: list[str] = []
    with contextlib.suppress(DataError):
        found += filter(None, [summary.diverged(summary.read(folder / "summary.csv", study.runs))])
    with contextlib.suppress(DataError):
        found += words.read_responses(folder, study.identity) if study.run.sweeps else []
    with contextlib.suppress(DataError):
        found += words.sentences(words.read(folder / "effects.csv", study.identity))
    return found
