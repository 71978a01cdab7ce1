"""What fills on paper cost, where the shadowed venue is the one that knows."""

from attrs import evolve

from algopioneer_core.domain.capabilities import Capability, Support
from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.ports import FeeRates, Venue
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.paper_config import PaperConfig

__all__ = ["PaperFees", "with_rates"]


class PaperFees:
    """
    The costs of each instrument: as configured, else its own, else the shadowed account's, else 0.

    Rates are asked for once: `ask` before an instrument is first traded or watched.

    Args:
        config: Fees and slippage of the paper account.
        shadow: The venue whose markets it shows.
    """

    def __init__(self, config: PaperConfig, shadow: Venue) -> None:
        self._simulation = config.simulation()
        self._is_stated = None not in (config.maker_fee_bps, config.taker_fee_bps)
        self._shadow = shadow
        able = shadow.capabilities
        told = able.supports(Capability.FEE_RATES) is not Support.UNSUPPORTED
        self._tells = told and not able.lockstep
        self._rates: dict[InstrumentId, FeeRates | None] = {}
        self._costs: dict[InstrumentId, CostModel] = {}

    def costs(self, instrument: Instrument) -> CostModel:
        """Return what fills of an instrument cost, as far as it is known when first asked."""
        found = self._costs.get(instrument.id)
        if found is None:
            rates = self._rates.get(instrument.id)
            priced = instrument if rates is None else with_rates(instrument, rates)
            found = self._costs[instrument.id] = CostModel.of(priced, self._simulation)
        return found

    async def ask(self, instrument: Instrument) -> None:
        """
        Ask the venue for an account's rates of *instrument*, unless they are known or not needed.

        A venue without an account knows none; nothing is charged then.

        Raises:
            VenueError: It does not answer.
        """
        is_own = None not in (instrument.maker_fee, instrument.taker_fee)
        if self._is_stated or is_own or not self._tells or instrument.id in self._rates:
            return
        try:
            self._rates[instrument.id] = await self._shadow.execution.fees(instrument.id)
        except UnsupportedOperation:
            self._rates[instrument.id] = None
        self._costs.pop(instrument.id, None)


def with_rates(instrument: Instrument, rates: FeeRates) -> Instrument:
    """Return *instrument* with an account's *rates* where it has no fees of its own."""
    maker, taker = instrument.maker_fee, instrument.taker_fee
    return evolve(
        instrument,
        maker_fee=rates.maker if maker is None else maker,
        taker_fee=rates.taker if taker is None else taker,
    )
