"""The order table as Markdown, for `docs/reference/order-states.md`."""

from algopioneer_core.domain.order_states import TRANSITIONS, OrderStatus, Step

__all__ = ["BEGIN", "END", "order_table"]

BEGIN = "<!-- table: begin -->"
END = "<!-- table: end -->"


def order_table() -> str:
    """
    Return `TRANSITIONS` as a Markdown table: a row for each state, a column for each step.

    An empty cell is an illegal transition; an equals sign is a state that stays.
    """
    steps = tuple(Step)
    lines = [
        "| state | " + " | ".join(step.value.replace("_", " ") for step in steps) + " |",
        "|---" * (len(steps) + 1) + "|",
    ]
    for status in OrderStatus:
        cells = (_cell(status, step) for step in steps)
        lines.append(f"| **{status.name}** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(status: OrderStatus, step: Step) -> str:
    after = TRANSITIONS.get((status, step))
    if after is None:
        return ""
    return "=" if after is status else after.name
