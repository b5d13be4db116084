"""Pages of the site that are made from the code: commands, configuration, error messages, and READMEs of the source."""
