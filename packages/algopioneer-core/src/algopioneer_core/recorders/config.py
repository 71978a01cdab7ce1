"""Settings of the bundled recorders; light, because they are read before anything is opened."""

from attrs import frozen

from algopioneer_core.settings import at_least, option

__all__ = ["CsvRecorderConfig", "JsonlRecorderConfig", "MemoryRecorderConfig"]


@frozen(kw_only=True)
class CsvRecorderConfig:
    """Settings of the CSV recorder."""

    path: str = option("trades.csv", help="File that trades are appended to.", metavar="FILE")


@frozen(kw_only=True)
class JsonlRecorderConfig:
    """Settings of the JSON lines recorder."""

    path: str = option("trades.jsonl", help="File that trades are appended to.", metavar="FILE")


@frozen(kw_only=True)
class MemoryRecorderConfig:
    """Settings of the recorder in memory."""

    keep: int = option(
        1000, help="Latest trades that are kept.", unit="trades", validator=at_least(1)
    )
