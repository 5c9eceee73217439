"""What the user asks for: the configuration, study files and their schemas, resolved conditions."""
