"""One file per task: a plain function of (config, run directory)."""
