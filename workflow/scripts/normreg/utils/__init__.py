"""Files, locks, logs, devices and code digests. Knows nothing of networks or studies."""
