"""
What the author of a plugin writes, as the type checker sees it. Nothing here is run.

`nox -s types` checks this file, strictly. A line with an ignore is one that must stay an error:
where it stops being one, the ignore is unused, and that is an error too.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Self, assert_type

import click
import numpy as np
from attrs import frozen

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.exits import ExitPolicy, ExitVerdict, OpenPosition
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext
from algopioneer_core.history.columns import BarColumns, Signals, SupportsSignals
from algopioneer_core.plugins import CommandSpec, ExitPolicySpec, StrategySpec, hookimpl
from algopioneer_core.settings import at_least, fraction, option, optional, positive, secret


@frozen(kw_only=True)
class IdeaConfig:
    """Fields are typed by their annotations; `option` fits them all."""

    window: int = option(20, help="Bars.", unit="bars", validator=at_least(2))
    share: Decimal = option(Decimal(1), help="Share of equity.", validator=fraction)
    stop: Decimal | None = option(None, help="Loss.", validator=optional(positive))
    names: tuple[str, ...] = option((), help="Names.")
    key: str = secret(environment="IDEA_KEY", help="Key of the service.")


class Idea:
    """A strategy needs no base class: having the methods is being one."""

    def __init__(self, config: IdeaConfig, instrument_id: InstrumentId) -> None:
        self._id = instrument_id
        self._sizing = Sizing(fraction=config.share)
        self._last: Decimal | None = None

    @classmethod
    def make(cls, config: IdeaConfig, instruments: Sequence[Instrument]) -> Self:
        """Be the factory of the spec."""
        return cls(config, instruments[0].id)

    def requirements(self) -> Requirements:
        """Need one bar before the first decision."""
        return Requirements(warmup_bars=2)

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Read the context and answer with intents."""
        if not isinstance(event, Bar):
            return ()
        assert_type(event.close, Decimal)
        held = assert_type(context.quantity(self._id), Decimal)
        if held:
            return [OrderIntent(instrument_id=self._id, side=Side.SELL, quantity=held)]
        entry = assert_type(self._sizing.entry(self._id, Side.BUY, context), OrderIntent | None)
        return [entry] if entry else ()

    def snapshot(self) -> Mapping[str, object]:
        """Return JSON values."""
        return {"last": str(self._last)}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take them back."""
        self._last = Decimal(str(state["last"]))

    def signals(self, bars: BarColumns) -> Signals:
        """Offer the same for an array."""
        rose = np.zeros(len(bars), np.bool_)
        rose[1:] = bars.close[1:] > bars.close[:-1]
        return Signals(
            enter_long=rose,
            leave_long=~rose,
            enter_short=~rose,
            leave_short=rose,
            sizing=self._sizing,
        )


class Forgetful:
    """Not a strategy: it cannot be saved and continued."""

    def requirements(self) -> Requirements:
        """Need nothing."""
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Try to write what is there to be read."""
        context.cash = Decimal(0)  # type: ignore[misc]  # a view
        return ["buy"]  # type: ignore[list-item]  # commands are not text


class Patience:
    """An exit policy needs no base class either."""

    name = "patience"

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """Leave after ten bars."""
        return ExitVerdict.EXIT if position.bars_held >= 10 else ExitVerdict.ABSTAIN


@click.command()
def idea() -> None:
    """Be a command of the plugin."""


@hookimpl
def algopioneer_strategies() -> list[StrategySpec]:
    """Return specs; what they name is text."""
    return [
        StrategySpec(
            name="idea",
            summary="An idea.",
            factory="idea.strategy:Idea.make",
            config="idea.config:IdeaConfig",
            instruments=(1, 1),
            aliases=("thought",),
        )
    ]


@hookimpl
def algopioneer_exit_policies() -> list[ExitPolicySpec]:
    """Return another kind of spec."""
    return [ExitPolicySpec(name="patience", summary="Wait.", factory="idea.exits:Patience")]


@hookimpl
def algopioneer_commands() -> list[CommandSpec]:
    """Return a command."""
    return [CommandSpec(name="idea", summary="Think.", command="idea.commands:idea")]


def use(config: IdeaConfig, instrument: Instrument) -> None:
    """Put the parts where the host puts them."""
    strategy: Strategy = Idea.make(config, [instrument])
    quick: SupportsSignals = Idea.make(config, [instrument])
    policy: ExitPolicy = Patience()
    assert_type((strategy, quick, policy), tuple[Strategy, SupportsSignals, ExitPolicy])

    no_strategy: Strategy = Forgetful()  # type: ignore[assignment]  # no snapshot, no restore
    assert_type(no_strategy, Strategy)
    config.window = 3  # type: ignore[misc]  # frozen
    IdeaConfig(21)  # type: ignore[call-arg]  # by keyword only
    IdeaConfig(window="21")  # type: ignore[arg-type]
    OrderIntent(instrument_id="BTC-USD", side=Side.BUY)  # type: ignore[arg-type]  # not an id
    OrderIntent(instrument_id=instrument.id, side=Side.BUY, quantity=1.5)  # type: ignore[arg-type]
    StrategySpec(name="x", summary="x", factory=Idea.make)  # type: ignore[arg-type]  # a reference
