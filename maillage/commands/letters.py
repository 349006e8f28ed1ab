"""Dead letters: what could not be read."""

from __future__ import annotations

import typer

app = typer.Typer(help="What could not be read, kept with its bytes.", no_args_is_help=True)
