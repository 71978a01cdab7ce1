"""The table of a spread's life as a Mermaid diagram, for `docs/reference/leg-states.md`."""

from algopioneer_core.engine.leg_states import LEG_TRANSITIONS

__all__ = ["BEGIN", "END", "leg_diagram"]

BEGIN = "<!-- diagram: begin -->"
END = "<!-- diagram: end -->"


def leg_diagram() -> str:
    """Return `LEG_TRANSITIONS` as a Mermaid state diagram: an arrow for each row of the table."""
    arrows = (
        f"    {before.name} --> {after.name}: {trigger.value}"
        for (before, trigger), after in LEG_TRANSITIONS.items()
    )
    return "\n".join(("```mermaid", "stateDiagram-v2", "    [*] --> FLAT", *arrows, "```"))
