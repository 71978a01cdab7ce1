"""Which stretch of the data is used."""

import datetime

from algopioneer_core.config.instruments import nanoseconds
from algopioneer_core.domain.errors import ConfigError

__all__ = ["Period"]


class Period:
    """The settings `from` and `to` of a configuration that has them; of bars, the close counts."""

    __slots__ = ()
    start: datetime.datetime | None
    end: datetime.datetime | None

    def _check_period(self) -> None:
        if self.start and self.end and self.end <= self.start:
            raise ConfigError("to must be after from", where="to")

    @property
    def start_ns(self) -> int | None:
        """First time to use, of bars the close, UTC nanoseconds."""
        return None if self.start is None else nanoseconds(self.start)

    @property
    def end_ns(self) -> int | None:
        """Time to stop before, of bars the close, UTC nanoseconds."""
        return None if self.end is None else nanoseconds(self.end)
