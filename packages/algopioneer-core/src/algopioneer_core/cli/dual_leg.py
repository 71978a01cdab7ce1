"""`algopioneer dual-leg`: one spread of two instruments."""

from typing import Final

from algopioneer_core.cli.session_command import session_command
from algopioneer_core.config.session_flags import DualLegOptions, dual_leg_session

__all__ = ["dual_leg"]

dual_leg: Final = session_command(
    "dual-leg",
    DualLegOptions,
    dual_leg_session,
    about="""
    Trade pairs or a basis on two instruments, on paper unless --live is said.

    Both legs are one position: what fills on one side only is completed or cut back. What was
    done is in the journal, and the same command goes on from there.
    """,
)
"""The command."""
