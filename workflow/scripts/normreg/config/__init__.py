"""What is asked for: the configuration, study files and their schemas, resolved conditions."""
