"""
The market of a simulation: a coin, its twin and its perpetual, whose prices a seed moves.

The twin strays from the coin and comes back, and so does the perpetual, fast enough that pairs and
basis trade every few minutes; the coin wanders, for moving averages. Prices are integers of cents.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.money import Increment, from_scaled

__all__ = [
    "INTERVAL_NS",
    "REFERENCE",
    "STEP_NS",
    "PriceWalk",
    "Traded",
]


@frozen
class Traded:
    """What a venue offers of this market."""

    coin: Instrument
    twin: Instrument
    contract: Instrument
    """The coin's perpetual or future; a tenth of a coin, or so."""

    def __iter__(self) -> Iterator[Instrument]:
        """Iterate over all three."""
        return iter((self.coin, self.twin, self.contract))

    @property
    def spreads(self) -> dict[str, tuple[Instrument, Instrument]]:
        """Return the legs of the strategies that trade two."""
        return {"pairs": (self.coin, self.twin), "basis": (self.coin, self.contract)}


_VENUE: Final = "reference"
_LOT: Final = Increment(Decimal("0.001"))
_COIN: Final = Instrument(
    id=InstrumentId(_VENUE, "COIN-USD"),
    base="COIN",
    quote="USD",
    quantity_increment=_LOT,
    taker_fee=Decimal("0.0001"),
)
_TWIN: Final = Instrument(
    id=InstrumentId(_VENUE, "TWIN-USD"),
    base="TWIN",
    quote="USD",
    quantity_increment=_LOT,
    taker_fee=Decimal("0.0001"),
)
_PERPETUAL: Final = Instrument(
    id=InstrumentId(_VENUE, "COIN-PERP"),
    base="COIN",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    quantity_increment=_LOT,
    multiplier=Decimal("0.1"),
    taker_fee=Decimal("0.0001"),
)
REFERENCE: Final = Traded(_COIN, _TWIN, _PERPETUAL)
"""At the reference venue."""
STEP_NS: Final = 5 * NS_PER_SECOND
"""How often prices move, and time between two quotes of an instrument while they are streamed."""
INTERVAL_NS: Final = 60 * NS_PER_SECOND
"""Length of the bars."""
_START: Final = 10_000
_PPM: Final = 1_000_000
_PPM_SQUARED: Final = _PPM**2


@define
class PriceWalk:
    """
    Prices in cents; they move whether anybody looks or not.

    Args:
        draw: Numbers in [0, 1) that move prices.
        draw_size: Those that decide what is on offer.
        traded: What has the prices.
    """

    _draw: Callable[[], float]
    _draw_size: Callable[[], float]
    _traded: Traded
    _moved_ns: int | None = None
    _coin: int = _START * _PPM
    _twin: int = 0
    """How far it has strayed, in millionths of the coin."""
    _contract: int = 0
    _seen: list[tuple[int, ...]] = field(factory=list)

    def show(
        self, now_ns: int, quoted: Container[InstrumentId] | None = None
    ) -> Iterator[Quote | Bar]:
        """
        Yield what is seen at *now_ns*: quotes, then finished bars.

        Call it at each whole minute, at least.

        Args:
            now_ns: When.
            quoted: What is quoted; None for everything.
        """
        self._move_to(now_ns)
        for instrument, mid in zip(self._traded, self._seen[-1], strict=True):
            if quoted is None or instrument.id in quoted:
                yield self._quote(instrument.id, mid, now_ns)
        if now_ns % INTERVAL_NS == 0:
            seen, self._seen = self._seen, []
            for instrument, mids in zip(self._traded, zip(*seen, strict=True), strict=True):
                yield _bar(instrument.id, mids, now_ns)

    def _move_to(self, now_ns: int) -> None:
        steps = 1 if self._moved_ns is None else (now_ns - self._moved_ns) // STEP_NS
        draw, coin, twin, contract = self._draw, self._coin, self._twin, self._contract
        for _ in range(steps):  # some five thousand in six hours: they stand here, without a call
            coin += coin * int((draw() + draw() - 1) * 500) // _PPM
            twin = twin * 97 // 100 + int((draw() + draw() - 1) * 900)
            contract = contract * 97 // 100 + int((draw() + draw() - 1) * 700)
            mids = coin * (_PPM + twin) // _PPM_SQUARED, coin * (_PPM + contract) // _PPM_SQUARED
            self._seen.append((coin // _PPM, *mids))
        self._coin, self._twin, self._contract = coin, twin, contract
        self._moved_ns = now_ns

    def _quote(self, instrument_id: InstrumentId, mid: int, now_ns: int) -> Quote:
        sizes = [self._size(), self._size()]
        bid, ask = from_scaled(mid - 1, 2), from_scaled(mid + 1, 2)
        return Quote(instrument_id, now_ns, bid, ask, sizes[0], sizes[1], now_ns)

    def _size(self) -> Decimal:
        """Return a size on offer: mostly more than anybody wants, now and then less."""
        thin = self._draw_size() < 0.15
        return from_scaled(int(self._draw_size() * 4_000) + 1, 3) if thin else Decimal(5_000)


def _bar(instrument_id: InstrumentId, mids: Sequence[int], now_ns: int) -> Bar:
    return Bar(
        instrument_id, now_ns, mids[0], max(mids), min(mids), mids[-1], len(mids), 2, 0, now_ns
    )
