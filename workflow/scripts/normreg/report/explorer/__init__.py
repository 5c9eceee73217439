"""The explorer: one self-contained page with the curves and the mistakes of all runs of a study."""
