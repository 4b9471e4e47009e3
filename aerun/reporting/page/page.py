"""The skeleton of a page: style and script inside, every text of users escaped."""

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NewType

from aerun.reporting.canvas import CLASS_COLOURS
from aerun.reporting.verdict import Verdict

Html = NewType("Html", str)
"""Markup, in which texts of users are escaped."""

_SCRIPTS = ("common.js", "curves.js", "examples.js", "codes.js", "start.js")
# Nothing may be loaded from anywhere, whatever a text of the user's holds.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of a page under a heading of its own."""

    title: str
    body: Html
    intro: str = ""
    """A sentence under the heading."""


def page(
    *, title: str, verdict: Verdict, where: str, sections: Sequence[Section | None]
) -> bytes:
    """A whole page, UTF-8.

    Args:
        title: Of the page and of its window.
        verdict: What stands below the title.
        where: The directory that the page is about.
        sections: In order; None of those that have nothing to show.
    """
    body = "\n".join(_section(section) for section in sections if section is not None)
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="aerun">
<link rel="icon" href="data:,">
<title>{escaped(title)}</title>
<style>
{_colours()}
{_resource("style.css")}</style>
</head>
<body>
<main>
<header>
<h1>{escaped(title)}</h1>
<p class="verdict {verdict.tone}">{escaped(verdict.text)}</p>
<p class=where>{escaped(where)}</p>
</header>
{body}
</main>
<script>
"use strict";
(() => {{
{"".join(_resource(name) for name in _SCRIPTS)}}})();
</script>
</body>
</html>
"""
    return text.encode("utf-8", errors="replace")


def escaped(text: object) -> Html:
    """A text of anybody's as markup that shows it."""
    return Html(html.escape(str(text), quote=True))


def joined(parts: Sequence[str], between: str = "\n") -> Html:
    """Markup after markup."""
    return Html(between.join(parts))


def embedded(value: Any) -> Html:
    """Values for a script, as JSON that no text in it can end early.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Html(f'<script type="application/json">{text}</script>')


def data_uri(content: bytes) -> str:
    """A PNG or JPEG file as an address that holds it."""
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _section(section: Section) -> str:
    intro = f'\n<p class="intro">{escaped(section.intro)}</p>' if section.intro else ""
    head = f"<h2>{escaped(section.title)}</h2>{intro}"
    return f"<section>\n{head}\n{section.body}\n</section>"


def _colours() -> str:
    """Those of the classes, as in pictures."""
    named = "".join(f"--class-{i}:{c};" for i, c in enumerate(CLASS_COLOURS))
    return f":root{{{named}}}"


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
