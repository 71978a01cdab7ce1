"""The contract over real sockets: the local exchange in a thread, the adapter on both backends."""

import os
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import anyio
import httpx
import msgspec
import pytest
import trio
from attrs import evolve

from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.sandbox import DEFAULT_CONFIG
from algopioneer_coinbase.sandbox_faults import read_plan
from algopioneer_coinbase.sandbox_market import Market, file_market, synthetic_market
from algopioneer_coinbase.sandbox_products import spot_json
from algopioneer_coinbase.sandbox_server import ServerOptions, serve
from algopioneer_coinbase.symbols import listing_of
from algopioneer_coinbase.venue import Surroundings, open_coinbase
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Price
from algopioneer_core.ports import Venue
from algopioneer_core.simulation.sandbox_candles import MINUTE_NS
from algopioneer_core.testing.contracts import Move, OpenVenue, VenueContract
from algopioneer_core.testing.fault_plans import FaultKind
from algopioneer_core.wire.machine import SystemClock

BITCOIN = InstrumentId("coinbase", "BTC-USD")


@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both backends on real time, which sockets need."""
    backend: str = request.param
    return backend


def market() -> Market:
    """Return an hour of minutes at 100 that ends now, and a day to come."""
    now_ns = SystemClock().now_ns()
    first = now_ns - now_ns % MINUTE_NS - 60 * MINUTE_NS
    bars = [
        Bar(BITCOIN, time, 10_000, 10_100, 9_900, 10_000, 500, 2, 0, time)
        for time in range(first, first + 1_500 * MINUTE_NS, MINUTE_NS)
    ]
    past = [bar for bar in bars if bar.ts_event <= now_ns]
    return Market(past, iter(bars[len(past) :]), MINUTE_NS)


@pytest.fixture
def variables(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    """Serve a local exchange from a thread, and return the variables that point at it."""
    options = ServerOptions(
        market=market(),
        speed=60,
        config=evolve(DEFAULT_CONFIG, balances=("USD=100000",)),
        tls=getattr(request, "param", False),
    )
    told: SimpleQueue[Mapping[str, str]] = SimpleQueue()
    scopes: SimpleQueue[Any] = SimpleQueue()

    async def run() -> None:
        with anyio.CancelScope() as scope:
            scopes.put((scope, trio.lowlevel.current_trio_token()))
            await serve(options, SystemClock(), tmp_path, told.put)

    thread = threading.Thread(target=lambda: anyio.run(run, backend="trio"))
    thread.start()
    scope, token = scopes.get(timeout=30)
    try:
        yield told.get(timeout=30)
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(30)


def config_of(variables: Mapping[str, str]) -> CoinbaseConfig:
    """Return what the variables say."""
    return CoinbaseConfig(
        api_key=variables["COINBASE_API_KEY"],
        api_secret=variables["COINBASE_API_SECRET"],
        rest_url=variables["COINBASE_REST_URL"],
        market_url=variables["COINBASE_MARKET_URL"],
        user_url=variables["COINBASE_USER_URL"],
    )


@pytest.mark.slow
class TestCoinbaseOverLoopback(VenueContract):
    @pytest.fixture
    def open_venue(self, variables: Mapping[str, str]) -> OpenVenue:
        return lambda: open_coinbase(config_of(variables), Surroundings())

    @pytest.fixture
    def instrument(self) -> Instrument:
        listing = listing_of(msgspec.convert(spot_json("BTC", "USD"), Product))
        assert listing is not None
        return listing.instrument

    @pytest.fixture
    def far_price(self) -> Price:
        return Decimal(1)

    @pytest.fixture
    def move(self) -> Move:
        async def move(_: Venue) -> None:
            await anyio.sleep(0.4)  # the market moves by itself, four times a second

        return move

    @pytest.mark.skipif(
        not os.environ.get("ALGOPIONEER_LONG_TESTS"),
        reason="absence takes a minute to prove: set ALGOPIONEER_LONG_TESTS=1",
    )
    async def test_e04_orders_are_found_or_proven_absent(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """E04: as everywhere, in real time."""
        await super().test_e04_orders_are_found_or_proven_absent(open_venue, instrument, move)


async def test_time_is_answered_over_plain_http(variables: Mapping[str, str]) -> None:
    """By hypercorn, in the venue's shape."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{variables['COINBASE_REST_URL']}/api/v3/brokerage/time")
    assert {"iso", "epochSeconds", "epochMillis"} == set(answer.json())


@pytest.mark.parametrize("variables", [True], indirect=True)
async def test_tls_is_trusted_by_the_certificate_that_is_told(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """REST and streams alike, through the one variable that both libraries read."""
    monkeypatch.setenv("SSL_CERT_FILE", variables["SSL_CERT_FILE"])
    assert variables["COINBASE_MARKET_URL"].startswith("wss://")
    async with (
        open_coinbase(config_of(variables), Surroundings()) as venue,
        venue.execution.reports(),
        venue.market_data.subscribe([BITCOIN]) as events,
    ):
        with anyio.fail_after(20):
            assert (await events.receive()).ts_event > 0


def test_synthetic_history_ends_now() -> None:
    """Of several products, and the future goes on from there."""
    now_ns = SystemClock().now_ns()
    made = synthetic_market(now_ns, seed=7)
    last = made.history[-1].ts_event
    assert now_ns - MINUTE_NS < last <= now_ns
    names = {bar.instrument_id.symbol for bar in made.history[-10:]}
    assert {"BTC-USD", "ETH-USD", "SOL-USD", "BTC-USDC", "BIT-27DEC30-CDE"} == names
    assert last + MINUTE_NS == next(made.future).ts_event


def test_bars_of_a_file_are_moved_so_that_half_of_them_are_past(tmp_path: Path) -> None:
    """The other half is played."""
    path = tmp_path / "bars.csv"
    rows = [f"{1_700_000_040 + 60 * number},10,11,9,10,1" for number in range(100)]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    now_ns = SystemClock().now_ns()
    made = file_market({"BTC-USD": path}, now_ns)
    assert 40 <= len(made.history) <= 60
    assert made.history[-1].ts_event <= now_ns < next(made.future).ts_event


def test_a_plan_of_faults_is_read_from_json(tmp_path: Path) -> None:
    """What is no plan is refused with the kinds there are."""
    path = tmp_path / "faults.json"
    path.write_text(
        '[{"at_s": 1.5, "kind": "lost_ack"}, {"at_s": 1, "kind": "silence", "duration_s": 9}]'
    )
    kinds = [(fault.at_ns, fault.kind) for fault in read_plan(path).faults]
    assert [(10**9, FaultKind.SILENCE), (1_500_000_000, FaultKind.LOST_ACK)] == kinds
    path.write_text('[{"kind": "gremlins"}]')
    with pytest.raises(ConfigError, match="lost_ack"):
        read_plan(path)
