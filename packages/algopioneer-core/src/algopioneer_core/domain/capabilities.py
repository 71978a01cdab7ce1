"""
What a venue can do, said before anything is sent to it.

A venue plugin declares one `Capabilities` record. It is read when plugins are listed and when a
configuration is validated, so this module imports nothing that is slow. What is not declared is
unsupported: silence is never taken for a promise.

Facts about the bundled venues, with the page of the venue's documentation each comes from, are in
`docs/reference/capabilities.md`.
"""

import enum
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from attrs import field, frozen

from algopioneer_core.domain.errors import PluginError
from algopioneer_core.domain.instruments import InstrumentKind

if TYPE_CHECKING:
    from attrs import Attribute

__all__ = [
    "BarStamp",
    "Capabilities",
    "Capability",
    "FillReporting",
    "IdempotentSubmit",
    "Pushed",
    "Support",
]

BarStamp: TypeAlias = Literal["open", "close"]
"""Which end of its interval the venue writes on a bar. Inside the project it is the close."""

_SupportOf: TypeAlias = Mapping["Capability", "Support"]


class Capability(enum.Enum):
    """One thing a strategy or the runtime may need a venue to do. The list is closed."""

    # Orders that can be placed.
    MARKET_ORDERS = "market-orders"
    """Trade at once at the best price there is."""
    LIMIT_ORDERS = "limit-orders"
    """Trade at a price or better, resting until filled or cancelled."""
    STOP_ORDERS = "stop-orders"
    """Become a market order when a trigger price is reached."""
    STOP_LIMIT_ORDERS = "stop-limit-orders"
    """Become a limit order when a trigger price is reached."""
    POST_ONLY = "post-only"
    """A limit order that is refused or cancelled rather than take liquidity."""
    IOC = "ioc"
    """A limit order whose unfilled rest is cancelled at once (immediate or cancel)."""
    FOK = "fok"
    """A limit order that fills whole at once or not at all (fill or kill)."""
    GTD = "gtd"
    """A limit order that expires at a stated time (good till date)."""
    QUOTE_SIZED_ORDERS = "quote-sized-orders"
    """A market buy for an amount of quote currency instead of a quantity."""
    QUOTE_SIZED_SALES = "quote-sized-sales"
    """A market sale for an amount of quote currency; rarer than the buy."""
    REDUCE_ONLY = "reduce-only"
    """An order the venue shrinks or refuses rather than let it open or turn a position."""
    VALIDATE_ONLY = "validate-only"
    """Have an order checked by the venue without placing it."""

    # Orders that exist.
    AMEND_ORDERS = "amend-orders"
    """Change price or quantity of a resting order (the venue may give it a new id)."""
    CANCEL_ALL = "cancel-all"
    """Cancel every open order of this journal and none of anybody else's in the account."""
    DEAD_MANS_SWITCH = "dead-mans-switch"
    """The venue cancels all orders of the account when it stops hearing from us."""
    ORDER_BY_CLIENT_ID = "order-by-client-id"
    """Find an order, open or ended, by the id we gave it."""

    # What the account tells.
    ORDER_STREAM = "order-stream"
    """Order changes and fills are pushed."""
    FILLS_HISTORY = "fills-history"
    """Fills since a time can be listed, each with an id that never changes."""
    BALANCES = "balances"
    """Amount of each asset, with what open orders hold back."""
    BALANCE_STREAM = "balance-stream"
    """Balance changes are pushed."""
    POSITIONS = "positions"
    """Signed quantity of each instrument; emulated where it is read off the balances."""
    FEE_RATES = "fee-rates"
    """The account's present maker and taker rates."""

    # What the account may do.
    SHORT_SELLING = "short-selling"
    """Hold a negative quantity of the instrument itself."""
    MARGIN = "margin"
    """Trade with borrowed money or against collateral."""
    FRACTIONAL_QUANTITY = "fractional-quantity"
    """Trade less than one whole unit."""

    # What the market tells.
    QUOTES = "quotes"
    """Best bid and ask are pushed."""
    TRADES = "trades"
    """Public trades are pushed."""
    BOOK = "book"
    """Depth beyond the best prices is pushed."""
    BARS_STREAM = "bars-stream"
    """Bars are pushed; emulated means built from trades, at any interval."""
    BARS_HISTORY = "bars-history"
    """Past bars can be asked for; emulated means built from trades, at any interval."""
    GAP_DETECTION = "gap-detection"
    """Messages that are missing from the market data stream are noticed (sequence, checksum)."""
    SILENCE_DETECTION = "silence-detection"
    """A market data stream that says nothing any more is noticed (heartbeats)."""
    INSTRUMENT_STATUS = "instrument-status"
    """Halts and changes of trading mode are pushed."""
    MARKET_HOURS = "market-hours"
    """Sessions and holidays; emulated where the market never closes."""
    EXTENDED_HOURS = "extended-hours"
    """Trade outside the main session."""
    SERVER_TIME = "server-time"
    """The venue's clock can be read."""
    TEST_ACCOUNT = "test-account"
    """The operator offers a place without money where orders really match."""


class Support(enum.Enum):
    """How a venue comes by a capability."""

    NATIVE = "native"
    """The venue does it."""
    EMULATED = "emulated"
    """The adapter does it out of other requests; slower, and not in one step."""
    UNSUPPORTED = "unsupported"
    """Asking for it raises `UnsupportedOperation`."""


class IdempotentSubmit(enum.Enum):
    """For how long a client order id keeps the venue from placing a second order."""

    ALWAYS = "always"
    """For good: the same submit may be sent again."""
    WHILE_OPEN = "while-open"
    """Until the order ends: sent again after a quick fill, it would trade twice."""
    NEVER = "never"
    """Every submit is a new order."""


class FillReporting(enum.Enum):
    """What one report of a fill on the order stream holds."""

    SINGLE = "single"
    """One execution, with its price, quantity and an id."""
    CUMULATIVE = "cumulative"
    """The order's totals so far, without an id; executions may be merged in one report."""


_STRONGEST_FIRST: Final = (Support.NATIVE, Support.EMULATED, Support.UNSUPPORTED)


def _read_only(support: _SupportOf) -> _SupportOf:
    return MappingProxyType(dict(support))


def _read_only_by_kind(
    by_kind: Mapping[InstrumentKind, _SupportOf],
) -> Mapping[InstrumentKind, _SupportOf]:
    return MappingProxyType({kind: _read_only(support) for kind, support in by_kind.items()})


def _positive(instance: object, attribute: "Attribute[Any]", value: int | None) -> None:
    if value is not None and value <= 0:
        raise PluginError(f"{attribute.name} must be positive, not {value}")


def _ascending(
    instance: object, attribute: "Attribute[tuple[int, ...]]", value: tuple[int, ...]
) -> None:
    if any(interval <= 0 for interval in value) or list(value) != sorted(set(value)):
        raise PluginError(f"{attribute.name} must be positive, ascending and without repeats")


def _open_or_close(instance: object, attribute: "Attribute[BarStamp]", value: BarStamp) -> None:
    if value not in get_args(BarStamp):
        raise PluginError(f"{attribute.name} must be open or close, not {value!r}")


@frozen(kw_only=True)
class Pushed:
    """What a venue pushes of one instrument."""

    bar_intervals_ns: tuple[int, ...] = ()
    """Lengths of the bars, in nanoseconds."""
    trades: bool = False
    quotes: bool = False


@frozen(kw_only=True)
class Capabilities:
    """
    What one venue can do, and how far its answers can be trusted.

    `support` holds for every kind of instrument the venue trades unless `by_kind` says otherwise
    (a broker may lend equities to sell short and not lend coins).

    Raises:
        PluginError: A number is not positive, intervals are not ascending, the stamp is neither
            open nor close, no kind is named, an exception is made for a kind the venue does not
            trade, the pattern is not a regular expression, or bars are native without intervals
            (or have intervals without being native).
    """

    support: _SupportOf = field(converter=_read_only, hash=False)
    by_kind: Mapping[InstrumentKind, _SupportOf] = field(
        factory=dict, converter=_read_only_by_kind, hash=False
    )
    """Exceptions to `support` for one kind of instrument, in either direction."""
    kinds: tuple[InstrumentKind, ...] = tuple(InstrumentKind)
    """Kinds of instrument traded; for any other kind everything is unsupported."""
    idempotent_submit: IdempotentSubmit
    fill_reporting: FillReporting
    submit_deadline_ns: int | None = field(default=None, validator=_positive)
    """Age at which the venue drops a submit it has not matched; None if it promises nothing."""
    absence_after_ns: int = field(validator=_positive)
    """
    How long an accepted order may stay invisible to look-ups.

    Counted from the deadline where there is one, else from the end of the submit request.
    """
    history_bar_intervals_ns: tuple[int, ...] = field(default=(), validator=_ascending)
    """Intervals of bars that can be asked for; empty when none, or when bars are emulated."""
    stream_bar_intervals_ns: tuple[int, ...] = field(default=(), validator=_ascending)
    """Intervals of bars that are pushed; empty when none, or when bars are emulated."""
    history_page_bars: int | None = field(default=None, validator=_positive)
    """Most bars in one answer; None when answers are not limited."""
    history_depth_bars: int | None = field(default=None, validator=_positive)
    """Only so many newest bars exist, whatever start is asked for; None when older ones do too."""
    bar_stamp: BarStamp = field(default="open", validator=_open_or_close)
    client_order_id_max_length: int = field(default=36, validator=_positive)
    client_order_id_pattern: str = "[!-~]+"
    """Regular expression that a whole client order id must match."""
    lockstep: bool = False
    """Whether time stands still at the venue until its next market event is asked for: a replay.
    Whoever drives it finishes everything that one event caused before asking for the next."""
    in_process: bool = False
    """Whether the account is simulated in this process: then nothing is lost on the way to it, and
    no outcome is ever unknown."""

    def __attrs_post_init__(self) -> None:
        self._check_kinds()
        self._check_bars(Capability.BARS_HISTORY, self.history_bar_intervals_ns)
        self._check_bars(Capability.BARS_STREAM, self.stream_bar_intervals_ns)
        self._check_pattern()

    def supports(self, capability: Capability, kind: InstrumentKind | None = None) -> Support:
        """
        Return how the venue comes by *capability* for instruments of *kind*.

        Without a kind, the strongest answer among the kinds it trades: `UNSUPPORTED` is then
        certain, anything else is to be asked again once the instruments are known.
        """
        if kind is not None:
            return self._supports_kind(capability, kind)
        answers = (self._supports_kind(capability, each) for each in self.kinds)
        return min(answers, key=_STRONGEST_FIRST.index)

    def require(
        self, wanted: Iterable[Capability], kind: InstrumentKind | None = None
    ) -> tuple[Capability, ...]:
        """Return which of *wanted* are unsupported, in the order asked, each once."""
        return tuple(
            capability
            for capability in dict.fromkeys(wanted)
            if self.supports(capability, kind) is Support.UNSUPPORTED
        )

    def pushed(self) -> Pushed:
        """Return what is pushed of an instrument, as far as the venue as a whole tells."""
        return Pushed(
            bar_intervals_ns=self.stream_bar_intervals_ns,
            trades=self.supports(Capability.TRADES) is not Support.UNSUPPORTED,
            quotes=self.supports(Capability.QUOTES) is not Support.UNSUPPORTED,
        )

    def accepts_client_order_id(self, text: str) -> bool:
        """Return whether the venue takes *text* as a client order id."""
        return (
            len(text) <= self.client_order_id_max_length
            and re.fullmatch(self.client_order_id_pattern, text) is not None
        )

    def _supports_kind(self, capability: Capability, kind: InstrumentKind) -> Support:
        if kind not in self.kinds:
            return Support.UNSUPPORTED
        exceptions = self.by_kind.get(kind, {})
        return exceptions.get(capability, self.support.get(capability, Support.UNSUPPORTED))

    def _check_kinds(self) -> None:
        if not self.kinds:
            raise PluginError("kinds is empty", remedy="name what the venue trades")
        for kind in self.by_kind:
            if kind not in self.kinds:
                raise PluginError(f"by_kind names {kind.value}, which is not among kinds")

    def _check_bars(self, capability: Capability, intervals: tuple[int, ...]) -> None:
        native = self.supports(capability) is Support.NATIVE
        if native is not bool(intervals):
            raise PluginError(
                f"{capability.value}: being native and having intervals go together",
                remedy="declare both or neither; bars built from trades are emulated",
            )

    def _check_pattern(self) -> None:
        try:
            re.compile(self.client_order_id_pattern)
        except re.error as error:
            raise PluginError(
                f"client_order_id_pattern is not a regular expression: {error}"
            ) from error
