"""What ``aerun --help`` prints: every choice there is, on one screen."""

import functools
import textwrap
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from hydra.core.object_type import ObjectType
from hydra.types import RunMode

from aerun.config.compose import CONFIG_NAME, Composer
from aerun.config.mistakes import BadRequest, Mistake, did_you_mean, listed

_WIDTH, _HEIGHT = 80, 40
_ORDER = ("model", "dataset", "corruption", "loss", "regularizer", "trainer", "tracker",
          "task", "experiment", "sweep")  # fmt: skip

_HEAD = """\
aerun trains any autoencoder: compose a model, a data set, a loss and more.
Usage: aerun [FLAG ...] [GROUP=OPTION ...] [KEY=VALUE ...]

Groups and their options (aerun --help GROUP describes them):"""

_TAIL = """\
Flags, before or after the rest:
  -h, --help [GROUP]       this; of a group every option with its description
  --version                the version
  --completion             how to have TAB complete in bash, zsh or fish
  -q, --quiet              only warnings, errors and the run directory
  -v, --verbose            more lines, and the full traceback of an error
  -m, --multirun           a run per combination of values: seed=0,1
  -cd, --config-dir DIR    a folder of your own options, which win
  -c, --cfg job|hydra|all  every key with its value; --resolve fills in ${...}
  -p, --package KEY        of --cfg this part only
  --hydra-help             Hydra's -i/--info, -r/--run, -sc/--shell-completion

Examples:
  aerun                                     the default model on real digits
  aerun model=vae trainer.epochs=100        another model, another number
  aerun task=resume run=last                continue what was interrupted"""


def overview(composer: Composer) -> str:
    """Every group with its options, every flag and a few examples.

    Where there are very many options, the longest lists are cut to keep one screen; the
    user's own come first.
    """

    def built_in(group: str, option: str) -> bool:
        paths = (Path(f, group, f"{option}.yaml") for f in composer.own_folders)
        return not any(path.exists() for path in paths)

    groups = {
        group: sorted(options, key=functools.partial(built_in, group))
        for group in groups_of(composer)
        if len(options := composer.options(group)) > 1 or "/" not in group
    }
    column = max(map(len, groups)) + 4
    blocks = {group: _filled(group, options, column)
              for group, options in groups.items()}  # fmt: skip
    fixed = f"{_HEAD}\n\n{_TAIL}".count("\n") + 1
    while sum(map(len, blocks.values())) + fixed > _HEIGHT:
        # Of equally long ones the last, which is the least often asked for.
        group = max(reversed(blocks), key=lambda name: len(blocks[name]))
        if len(blocks[group]) < 2:
            break  # so many groups that no list is to blame
        blocks[group] = _cut(group, blocks[group], column)
    lines = [line for block in blocks.values() for line in block]
    return "\n".join([_HEAD, *lines, "", _TAIL])


def describe(composer: Composer, group: str, overrides: Sequence[str] = ()) -> str:
    """The options of a group, what each is, and which is chosen.

    Args:
        composer: Knows the options.
        group: As typed: "model", "trainer/optimizer", "trainer.optimizer".
        overrides: Of the request; what they choose is marked as the default.

    Raises:
        BadRequest: There is no such group, or the overrides have a mistake.
    """
    name = group.replace(".", "/").rstrip("/=")
    known = list(groups_of(composer))
    if name not in known:
        problem = f"there is no group '{name}'.{_hint(composer, name, known)}"
        raise BadRequest([Mistake(typed=f"--help {group}", problem=problem)])
    if overrides:
        composer.compose(overrides)
    plan = composer.loader.compute_defaults_list(
        CONFIG_NAME, composer.as_groups(overrides), RunMode.RUN
    )
    chosen = {default.config_path for default in plan.defaults}
    options = composer.options(name)
    column = max(map(len, options)) + 4
    lines = [f"{name}=OPTION, one of:"]
    for option in options:
        text = _description(composer, f"{name}/{option}")
        if f"{name}/{option}" in chosen:
            text = f"(default) {text}"
        lines += _wrapped(option, text, column)
    inner = [g for g in known if g.startswith(f"{name}/")]
    if inner:
        lines += ["", f"Groups within: {listed(inner)}."]
    return "\n".join(lines)


def groups_of(composer: Composer, parent: str = "") -> Iterator[str]:
    """Every group that has options but Hydra's own, in the order of the overview."""
    groups = composer.loader.get_group_options(parent, ObjectType.GROUP)
    if not parent:
        groups = [group for group in groups if group != "hydra"]
        groups.sort(key=lambda g: _ORDER.index(g) if g in _ORDER else len(_ORDER))
    for group in groups:
        name = f"{parent}/{group}" if parent else group
        if composer.options(name):
            yield name
        if name != "experiment":  # whose folders are parts of the options' names
            yield from groups_of(composer, name)


def _hint(composer: Composer, name: str, known: Sequence[str]) -> str:
    """What was meant perhaps: an option's name instead of its group's, a near miss."""
    having = [group for group in known if name in composer.options(group)]
    if having:
        return f" '{name}' is an option of {listed(having)}; ask for that."
    return f"{did_you_mean(name, known)} Choose {listed(known)}."


def _description(composer: Composer, config: str) -> str:
    """The first comment line of an option's file; without one what it builds."""
    for line in _text(composer, config).splitlines():
        comment = line.removeprefix("#").strip()
        if line.startswith("#") and comment and not comment.startswith("@package"):
            return comment
        if line.startswith("_target_:"):
            return line.partition(":")[2].strip()
    return ""


def _text(composer: Composer, config: str) -> str:
    """The file that an option is read from; empty where it is none."""
    for source in composer.loader.repository.get_sources():
        if not source.available() or not source.is_config(config):
            continue
        if source.scheme() not in ("file", "pkg"):
            return ""
        package = source.scheme() == "pkg"
        folder = files(source.path.replace("/", ".")) if package else Path(source.path)
        return folder.joinpath(f"{config}.yaml").read_text(encoding="utf-8")
    return ""


def _filled(group: str, options: Sequence[str], column: int) -> list[str]:
    return _wrapped(group, " ".join(options), column)


def _wrapped(name: str, text: str, column: int) -> list[str]:
    """A name and its text beside it, which stays in its column."""
    lines = textwrap.wrap(
        text,
        max(_WIDTH - column, 20),
        break_long_words=False,
        break_on_hyphens=False,
    )
    first, *more = lines or [""]
    head = f"  {name}".ljust(column)
    return [(head + first).rstrip(), *(" " * column + line for line in more)]


def _cut(group: str, block: list[str], column: int) -> list[str]:
    """One line less; the last says where the rest is."""
    rest = f"... more: aerun --help {group}"
    *kept, line, _ = block
    while len(line) + 1 + len(rest) > _WIDTH and len(line) > column:
        line = line[: line.rindex(" ")].rstrip()
    return [*kept, f"{line.ljust(column - 1)} {rest}"]
