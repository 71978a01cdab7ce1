"""Text for one line of output."""

__all__ = ["one_line"]


def one_line(text: str) -> str:
    """Return *text* with each run of blanks and line breaks as one blank, and none at its ends."""
    return " ".join(text.split())
