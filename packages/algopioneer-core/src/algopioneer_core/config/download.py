"""What `history download` can be told; the flags and their help are made from this class."""

import datetime

from attrs import frozen

from algopioneer_core.config.period import Period
from algopioneer_core.config.runs import separated
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.intervals import length_of_time
from algopioneer_core.settings import option

__all__ = ["DownloadOptions"]


@frozen(kw_only=True)
class DownloadOptions(Period):
    """
    Which bars to fetch, from where, and into which directory.

    Raises:
        ConfigError: A value is wrong, no symbol is named, or one twice.
    """

    exchange: str = option(help="The venue whose history it is.", metavar="NAME")
    symbols: tuple[str, ...] = option(
        help="Whose bars, separated by commas, as the venue writes them.", metavar="SYMBOL"
    )
    interval: str = option(
        help="Length of a bar (1m, 5m, 1h, 1d).", metavar="LENGTH", validator=length_of_time
    )
    start: datetime.datetime | None = option(key="from", help="First close time to have (UTC).")
    end: datetime.datetime | None = option(
        None, key="to", help="Close time to stop before (UTC); by default now."
    )
    output: str = option("bars", help="Directory of the files; made if need be.", metavar="DIR")
    again: bool = option(
        False, help="Ask once more for what the venue did not have when it was asked."
    )
    venue: tuple[str, ...] = option(
        (), help="A setting of the venue. May be repeated.", metavar="KEY=VALUE"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols, one by one."""
        return separated(self.symbols)

    def __attrs_post_init__(self) -> None:
        self._check_period()
        names = self.names
        if not names:
            raise ConfigError(
                "no symbol is named", where="symbols", remedy="name one: --symbols BTC-USD"
            )
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"{twice!r} is named twice", where="symbols", remedy="name it once")
