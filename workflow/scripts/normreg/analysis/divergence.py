"""What is said of runs that diverged: how many, of how many, and of which conditions."""

from collections import Counter
from collections.abc import Iterable, Mapping

_NAMED = 4  # of more conditions, only so many are named


def sentence(runs: Iterable[tuple[str, bool]]) -> str:
    """Says how many runs diverged; empty if none did. `runs` are the condition of each, and whether it diverged."""
    runs = list(runs)
    return count(Counter(name for name, lost in runs if lost), Counter(name for name, _ in runs))


def count(lost: Mapping[str, int], of: Mapping[str, int]) -> str:
    """As `sentence`, from the numbers of each condition: runs that diverged, and runs."""
    named = [f"{name} {number} of {of[name]}" for name, number in lost.items() if number]
    if not named:
        return ""
    total, every = sum(lost.values()), sum(of.values())
    if total == every:
        return f"All {every} runs diverged." if every > 1 else "The only run diverged."
    more = [f"{len(named) - _NAMED} more conditions"] if len(named) > _NAMED else []
    return f"{total} of {every} runs diverged and are left out: {', '.join(named[:_NAMED] + more)}."
