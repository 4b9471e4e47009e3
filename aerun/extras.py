"""Packages that only some requests need, and how to install them."""

from importlib.util import find_spec

from aerun.errors import BadUse


def require(extra: str, *modules: str, typed: str) -> None:
    """Make sure that optional packages are installed, without importing them.

    Args:
        extra: Brings them: ``pip install 'aerun[extra]'``.
        modules: Names that will be imported.
        typed: What needs them, as one types it.

    Raises:
        BadUse: Some are absent.
    """
    if absent := [name for name in modules if find_spec(name) is None]:
        names = ", ".join(absent)
        raise BadUse(
            f"{typed}: {names} {'is' if len(absent) == 1 else 'are'} not installed; "
            f"type: pip install 'aerun[{extra}]'"
        )
