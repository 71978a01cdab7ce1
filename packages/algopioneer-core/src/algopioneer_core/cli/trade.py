"""`algopioneer trade`: a moving average crossover on one instrument."""

from typing import Final

from algopioneer_core.cli.session_command import session_command
from algopioneer_core.config.session_flags import TradeOptions, trade_session

__all__ = ["trade"]

trade: Final = session_command(
    "trade",
    TradeOptions,
    trade_session,
    about="""
    Trade a moving average crossover on one instrument, on paper unless --live is said.

    --duration is the cycle in seconds, --for the length of the run. What was done is in the
    journal, and the same command goes on from there.
    """,
)
"""The command."""
