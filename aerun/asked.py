"""What a text that somebody else wrote asks for, were it typed behind a command."""

import re

_PLAIN = re.compile(r"[\w.:+-]*")
_REFERENCE = re.compile(r"\$\{(?:hydra:|now:)?[\w.%-]+\}")
"""To another value; other resolvers than these make anything of a text."""
_OF_LAUNCHERS = (
    "n_jobs", "num_cpus", "num_gpus", "timeout_min", "max_num_timeout",
    "signal_delay_s", "array_parallelism", "cpus_per_task", "gpus_per_node", "mem_gb",
    "cpus_per_gpu", "partition", "qos", "account", "constraint", "name",
)  # fmt: skip
"""Options that run nothing, where their value is a plain word."""


def may_run_code(override: str) -> bool:
    """Whether an override could do more than choose among options and set values."""
    key, _, value = override.partition("=")
    key = key.lstrip("+~")
    rest = _REFERENCE.sub("", override)
    if "_target_" in rest or "${" in rest or "\n" in rest:
        return True
    if key.startswith("hydra/"):
        return not key.startswith(("hydra/launcher", "hydra/sweeper")) or ".." in value
    if key.startswith("hydra."):
        node, _, name = key.removeprefix("hydra.").partition(".")
        if node == "launcher":
            return name not in _OF_LAUNCHERS or not _PLAIN.fullmatch(value)
        if node == "sweeper":
            return not name or name.startswith("params")
        return (node, name) != ("sweep", "subdir")
    chooses = "." not in key or "/" in key
    return "hydra" in key or (chooses and ".." in value and key != "init_from")
