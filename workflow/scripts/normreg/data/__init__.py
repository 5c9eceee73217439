"""Images and labels: where they come from, how they are checked, kept and augmented."""
