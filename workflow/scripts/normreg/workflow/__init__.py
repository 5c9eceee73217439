"""What the rules of the workflow are bound to: studies by the names in paths, their files, and what is stale."""
