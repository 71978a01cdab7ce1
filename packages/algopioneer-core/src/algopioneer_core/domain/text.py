"""Text for one line of output, and for names of files."""

__all__ = ["file_name", "one_line"]


def one_line(text: str) -> str:
    """Return *text* with each run of blanks and line breaks as one blank, and none at its ends."""
    return " ".join(text.split())


def file_name(*words: str) -> str:
    """Return *words* joined by hyphens so that a file can be called so: other signs are hyphens."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in "-".join(words))
