"""What a condition is: the one table of settings, and the kinds of values that settings have."""
