"""The error tree: one line for people, parts for programs, attributes for the runtime."""

import pickle

import pytest

from algopioneer_core.domain import errors
from algopioneer_core.domain.errors import (
    AlgopioneerError,
    DataError,
    ExitCode,
    Outcome,
    VenueError,
)

EVERY = [getattr(errors, name) for name in errors.__all__]
ERRORS = [each for each in EVERY if isinstance(each, type) and issubclass(each, Exception)]
VENUE_ERRORS = [each for each in ERRORS if issubclass(each, VenueError)]


@pytest.mark.parametrize(
    ("where", "remedy", "text"),
    [
        (None, None, "close is missing"),
        ("bars.csv:7", None, "bars.csv:7: close is missing"),
        (None, "add it", "close is missing (add it)"),
        ("bars.csv:7", "add it", "bars.csv:7: close is missing (add it)"),
    ],
)
def test_error_reads_as_one_line(where: str | None, remedy: str | None, text: str) -> None:
    """Place, what failed and what to do; absent parts leave no trace."""
    assert text == str(DataError("close is missing", where=where, remedy=remedy))


def test_reason_of_several_lines_becomes_one() -> None:
    """A venue's or parser's line breaks do not tear a terminal or a log apart."""
    assert "a b c" == str(DataError("a\nb\r\n  c"))


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_in_the_tree_and_keeps_its_parts(error: type[AlgopioneerError]) -> None:
    """Message, place and remedy stay apart, and survive the way to another process."""
    made = error("it broke", where="here", remedy="mend it")
    again = pickle.loads(pickle.dumps(made))
    assert ("it broke", "here", "mend it") == (again.message, again.where, again.remedy)
    assert made.exit_code in set(ExitCode) - {ExitCode.OK}


def test_tree_in_the_docstring_names_every_error() -> None:
    """The drawing at the top of the module is the whole tree."""
    drawn = errors.__doc__ or ""
    assert [] == [error.__name__ for error in ERRORS if error.__name__ not in drawn]


@pytest.mark.parametrize("error", VENUE_ERRORS)
def test_venue_error_leaves_the_outcome_unknown_unless_its_class_knows(
    error: type[VenueError],
) -> None:
    """Only errors that prove it say that nothing was placed."""
    sure = {"RateLimited", "AuthenticationFailed", "OrderRejected", "UnsupportedOperation"}
    expected = Outcome.NOT_PLACED if error.__name__ in sure else Outcome.UNKNOWN
    assert expected is error("no").outcome


@pytest.mark.parametrize("error", VENUE_ERRORS)
def test_adapter_can_say_what_it_learned(error: type[VenueError]) -> None:
    """Codes, retries and outcomes are attributes set by the adapter."""
    made = error(
        "no",
        code="EOrder:x",
        retryable=not error.default_retryable,
        retry_after_ns=5,
        outcome=Outcome.UNKNOWN,
    )
    assert made.retryable is not error("no").retryable
    assert ("EOrder:x", 5, Outcome.UNKNOWN) == (made.code, made.retry_after_ns, made.outcome)


def test_a_file_that_cannot_be_written_says_which_and_why() -> None:
    """The system's own reason, in the form of all other errors."""
    refused = errors.cannot_write("a.csv", OSError(28, "No space left on device"), remedy="clear")
    assert "a.csv: cannot write here: no space left on device (clear)" == str(refused)
    assert "cannot write here: odd" in str(errors.cannot_write("a", OSError("odd"), remedy="x"))
