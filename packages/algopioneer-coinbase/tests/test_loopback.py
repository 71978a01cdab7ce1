"""The contract over real sockets: the local exchange in a thread, the adapter on both backends."""

import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import anyio
import anyio.to_thread
import httpx
import msgspec
import pytest
import trio
from attrs import evolve, frozen

from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox
from algopioneer_coinbase.sandbox_faults import apply_fault, read_plan
from algopioneer_coinbase.sandbox_market import Market, file_market, synthetic_market
from algopioneer_coinbase.sandbox_products import spot_json
from algopioneer_coinbase.sandbox_server import ServerOptions, serve
from algopioneer_coinbase.symbols import listing_of
from algopioneer_coinbase.venue import Surroundings, open_coinbase
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Price, Quantity
from algopioneer_core.ports import Clock, Venue
from algopioneer_core.simulation.sandbox_candles import MINUTE_NS
from algopioneer_core.testing.contracts import Backstage, Move, OpenVenue, Stage, VenueContract
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.wire.machine import SystemClock

BITCOIN = InstrumentId("coinbase", "BTC-USD")


_ABSENCE_S = 1
_SILENCE_S = 2
"""What is waited for in real time here: shorter than at Coinbase, longer than this host dawdles."""
_HURRY = 40
"""How fast time passes where a bar of five minutes must end; a token lasts three seconds then."""


@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Real time, which sockets need."""
    backend: str = request.param
    return backend


@frozen
class HurriedClock:
    """A clock that agrees with the machine's at one moment, and runs faster from then on."""

    began_ns: int
    speed: int

    def now_ns(self) -> int:
        """Return its time, UTC nanoseconds."""
        return self.began_ns + (SystemClock().now_ns() - self.began_ns) * self.speed


@frozen(kw_only=True)
class Serving:
    """How the local exchange of a test is served."""

    tls: bool = False
    speed: int = 1
    """How many of its seconds pass in one."""

    def clock(self) -> Clock:
        """Return the time of the exchange and of the adapter."""
        return HurriedClock(SystemClock().now_ns(), self.speed)


def market() -> Market:
    """Return hours of minutes at 100 that end now, more than a page of them, and a day to come."""
    now_ns = SystemClock().now_ns()
    first = now_ns - now_ns % MINUTE_NS - 400 * MINUTE_NS
    bars = [
        Bar(BITCOIN, time, 10_000, 10_100, 9_900, 10_000, 10, 2, 0, time)
        for time in range(first, first + 1_840 * MINUTE_NS, MINUTE_NS)
    ]
    past = [bar for bar in bars if bar.ts_event <= now_ns]
    return Market(past, iter(bars[len(past) :]), MINUTE_NS)


@frozen
class Served:
    """A local exchange that a thread serves: what points at it, and what is behind it."""

    variables: Mapping[str, str]
    sandbox: CoinbaseSandbox
    token: trio.lowlevel.TrioToken
    clock: Clock
    speed: int

    @property
    def secrets(self) -> list[str]:
        headers = (each.headers for each in tuple(self.sandbox.requests))
        tokens = {each["authorization"].removeprefix("Bearer ") for each in headers}
        secret = self.variables["COINBASE_API_SECRET"]
        return [secret, secret.replace("\\n", "\n"), *tokens]

    async def apply(self, fault: Fault) -> None:
        await self._there(trio.from_thread.run, apply_fault, self.sandbox, fault)

    async def reach(self, client_order_id: str) -> None:
        reach = self.sandbox.exchange.fill_at_limit
        await self._there(trio.from_thread.run_sync, reach, client_order_id)

    async def placed(self) -> list[str]:
        placed = await self._there(trio.from_thread.run_sync, list, self.sandbox.exchange.placed)
        return list(placed)

    async def _there(self, run: Any, *call: Any) -> Any:
        """Call something in the thread that serves."""
        return await anyio.to_thread.run_sync(partial(run, *call, trio_token=self.token))


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Serve a local exchange from a thread."""
    serving = getattr(request, "param", Serving())
    clock = serving.clock()
    options = ServerOptions(
        market=market(),
        speed=60,
        config=evolve(DEFAULT_CONFIG, balances=("USD=100000",)),
        tls=serving.tls,
    )
    told: SimpleQueue[Any] = SimpleQueue()
    scopes: SimpleQueue[Any] = SimpleQueue()

    async def run() -> None:
        with anyio.CancelScope() as scope:
            scopes.put((scope, trio.lowlevel.current_trio_token()))
            await serve(options, clock, tmp_path, told.put, behind=told.put)

    thread = threading.Thread(target=lambda: anyio.run(run, backend="trio"))
    thread.start()
    scope, token = scopes.get(timeout=120)
    try:
        sandbox = told.get(timeout=120)
        yield Served(told.get(timeout=120), sandbox, token, clock, serving.speed)
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join(120)


@pytest.fixture
def variables(served: Served) -> Mapping[str, str]:
    """What points at the exchange that is served."""
    return served.variables


def config_of(variables: Mapping[str, str]) -> CoinbaseConfig:
    """Return what the variables say."""
    return CoinbaseConfig(
        api_key=variables["COINBASE_API_KEY"],
        api_secret=variables["COINBASE_API_SECRET"],
        rest_url=variables["COINBASE_REST_URL"],
        market_url=variables["COINBASE_MARKET_URL"],
        user_url=variables["COINBASE_USER_URL"],
        absence_after_s=_ABSENCE_S,
        silence_s=_SILENCE_S,
    )


@pytest.mark.long
class TestCoinbaseOverLoopback(VenueContract):
    @pytest.fixture
    def open_venue(self, served: Served) -> OpenVenue:
        surroundings = Surroundings(clock=served.clock)
        return lambda: open_coinbase(config_of(served.variables), surroundings)

    @pytest.fixture
    def backstage(self, served: Served) -> Backstage:
        return served

    @pytest.fixture
    def instrument(self) -> Instrument:
        listing = listing_of(msgspec.convert(spot_json("BTC", "USD"), Product))
        assert listing is not None
        return listing.instrument

    @pytest.fixture
    def far_price(self) -> Price:
        return Decimal(10)

    @pytest.fixture
    def large_quantity(self) -> Quantity:
        return Decimal(30)

    @pytest.fixture
    def settle_s(self) -> float:
        return 0.2

    @pytest.fixture
    def move(self) -> Move:
        async def move(_: Venue) -> None:
            await anyio.sleep(0.3)  # the market moves by itself, four times a second

        return move

    @pytest.fixture
    def silent_s(self) -> float:
        return 1.5 * _SILENCE_S

    @pytest.fixture
    def speed(self, served: Served) -> float:
        return served.speed

    # Each docstring is that of the case.

    @pytest.mark.parametrize("served", [Serving(speed=_HURRY)], indirect=True, ids=["hurried"])
    async def test_r13_pushed_bars_are_those_of_history(self, stage: Stage) -> None:
        await super().test_r13_pushed_bars_are_those_of_history(stage)


async def test_time_is_answered_over_plain_http(variables: Mapping[str, str]) -> None:
    """By hypercorn, in the venue's shape."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{variables['COINBASE_REST_URL']}/api/v3/brokerage/time")
    assert {"iso", "epochSeconds", "epochMillis"} == set(answer.json())


@pytest.mark.parametrize("served", [Serving(tls=True)], indirect=True, ids=["tls"])
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
    coming = [next(made.future) for _ in range(5)]
    assert {last + MINUTE_NS} == {bar.ts_event for bar in coming}
    assert names == {bar.instrument_id.symbol for bar in coming}


def test_bars_of_a_file_are_moved_so_that_half_of_them_are_past(tmp_path: Path) -> None:
    """The other half is played."""
    path = tmp_path / "bars.csv"
    rows = [f"{1_700_000_040 + 60 * number},10,11,9,10,1" for number in range(100)]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    now_ns = SystemClock().now_ns()
    made = file_market({"BTC-USD": path}, now_ns)
    future = list(made.future)
    assert 40 <= len(made.history) <= 60
    assert 100 == len(made.history) + len(future)
    assert made.history[-1].ts_event <= now_ns < future[0].ts_event


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
