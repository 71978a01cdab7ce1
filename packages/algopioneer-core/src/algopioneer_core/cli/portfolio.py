"""`algopioneer portfolio`: the pairs of a `pairs_config.json` side by side."""

from typing import Final

from algopioneer_core.cli.session_command import session_command
from algopioneer_core.config.session_flags import PortfolioOptions, portfolio_session

__all__ = ["portfolio"]

portfolio: Final = session_command(
    "portfolio",
    PortfolioOptions,
    portfolio_session,
    about="""
    Trade every pair of a pairs_config.json, each by itself, on paper unless --live is said.

    For anything else than pairs write a session file: algopioneer run --config FILE.toml.
    """,
)
"""The command."""
