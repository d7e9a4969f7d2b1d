"""Where tables go: text is printed as it is, and names of layers cannot make a terminal do anything."""

from typing import Any

from rich.console import Console
from rich.text import Text

from dyadic.runtime.errors import printable


class PlainConsole(Console):
    """No markup, no emoji, no highlighting."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # whoever read our output has seen enough: no failure, as rich would make of it

    def render_str(self, text: str, **settings: Any) -> Text:
        return super().render_str(printable(text), **settings)
