"""Behaviour of Coinbase's part of `doctor`, against the local exchange in memory."""

from typing import Any

import pytest
from attrs import evolve

from algopioneer_coinbase.diagnosis import diagnose
from algopioneer_coinbase.sandbox_http import gateway_answer
from algopioneer_coinbase.sandbox_server import ShiftedClock
from algopioneer_core.domain.errors import VenueUnavailable
from algopioneer_core.plugins.diagnosis import Finding, Verdict

SECOND = 10**9


@pytest.fixture
def examined(local: Any) -> Any:
    """What examines the local exchange, and returns its findings by what was looked at."""

    async def findings(**changes: Any) -> dict[str, Finding]:
        told: list[Finding] = []
        await diagnose(evolve(local.config, **changes), told.append, local.surroundings)
        return {each.check: each for each in told}

    return findings


def bad(findings: dict[str, Finding]) -> set[str]:
    """Return which checks failed."""
    return {check for check, each in findings.items() if each.verdict is Verdict.FAIL}


STREAMS = {"market_url": "wss://market.test", "user_url": "wss://user.test"}


async def test_a_good_key_passes(examined: Any) -> None:
    """From its form to the three permissions; that it is another exchange is told."""
    found = await examined(**STREAMS)
    assert set() == bad(found)
    assert "over TLS: coinbase.test, market.test, user.test" == found["addresses"].text
    assert Verdict.OK is found["authentication"].verdict
    assert Verdict.OK is found["clock"].verdict
    assert "its certificate is trusted" in found["connection"].text
    assert "no, as it should be" == found["permission to transfer"].text
    assert Verdict.NOT_CHECKED is found["coinbase"].verdict


async def test_a_key_that_may_transfer_fails_with_a_safer_one(examined: Any, local: Any) -> None:
    """What to make, and that this one is to be deleted."""
    local.sandbox.gate.key.can_transfer = True
    found = await examined(**STREAMS)
    assert {"permission to transfer"} == bad(found)
    assert "without transfer, and delete this one" in found["permission to transfer"].remedy


async def test_a_key_that_may_not_trade_fails(examined: Any, local: Any) -> None:
    """Its look at permissions needs the one to view."""
    local.sandbox.gate.key.can_trade = False
    assert {"permission to trade"} == bad(await examined(**STREAMS))
    local.sandbox.gate.key.can_view = False
    assert {"authentication"} == bad(await examined(**STREAMS))


async def test_a_key_of_somebody_else_is_refused(examined: Any) -> None:
    """The permissions are not known then."""
    found = await examined(api_key="organizations/a/apiKeys/b", **STREAMS)
    assert {"authentication"} == bad(found)
    assert "the name belongs to the private key" in found["authentication"].remedy
    assert "permission to trade" not in found


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"api_key": "abc"}, "the key's whole name"),
        ({"api_key": ""}, "set both COINBASE_API_KEY and COINBASE_API_SECRET"),
        ({"api_secret": "hush-hush"}, "paste `privateKey`"),
    ],
)
async def test_a_key_of_the_wrong_form_is_not_sent(
    examined: Any, local: Any, changes: dict[str, str], remedy: str
) -> None:
    """Nothing of it is repeated."""
    found = await examined(**STREAMS, **changes)
    assert {"key"} == bad(found)
    assert remedy in found["key"].remedy
    assert "hush-hush" not in str(found)
    assert {"/api/v3/brokerage/time"} == {each.path for each in local.sandbox.requests}


async def test_without_a_key_it_is_said(examined: Any) -> None:
    """Markets can be seen nonetheless."""
    found = await examined(api_key="", api_secret="", **STREAMS)
    assert set() == bad(found)
    assert Verdict.NOT_CHECKED is found["key"].verdict


@pytest.mark.parametrize(
    ("ahead_s", "verdict"), [(0.5, Verdict.OK), (5, Verdict.WARN), (-60, Verdict.FAIL)]
)
async def test_a_clock_that_is_wrong_is_told(local: Any, ahead_s: float, verdict: Verdict) -> None:
    """Tokens carry the venue's time once one was refused, so the key works nonetheless."""
    found = await with_clock_ahead(local, ahead_s)
    assert verdict is found["clock"].verdict
    assert "authentication" not in bad(found)


async def test_a_clock_that_is_wrong_is_blamed_before_the_key(local: Any) -> None:
    """Where a key is refused and the clock is wrong too, the clock is to be set first."""
    found = await with_clock_ahead(local, 5, api_key="organizations/other/apiKeys/other")
    assert "set the clock first" in found["authentication"].remedy


async def with_clock_ahead(local: Any, ahead_s: float, **changes: Any) -> dict[str, Finding]:
    """Examine the local Coinbase on a host whose clock is ahead."""
    told: list[Finding] = []
    around = evolve(local.surroundings, clock=ShiftedClock(local.clock, int(ahead_s * SECOND)))
    await diagnose(evolve(local.config, **STREAMS, **changes), told.append, around)
    return {each.check: each for each in told}


async def test_addresses_in_clear_are_for_this_host_only(examined: Any) -> None:
    """Elsewhere somebody could read along."""
    here = {"market_url": "ws://127.0.0.1:1", "user_url": "ws://localhost:1"}
    found = await examined(**here)
    assert Verdict.WARN is found["addresses"].verdict
    assert "unset COINBASE_MARKET_URL COINBASE_USER_URL" in found["addresses"].remedy
    assert {"addresses"} == bad(await examined(**{**here, "user_url": "ws://elsewhere.test"}))


async def test_coinbases_own_addresses_are_named_so(
    examined: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are encrypted, all three."""
    for name in ("REST", "MARKET", "USER"):
        monkeypatch.delenv(f"COINBASE_{name}_URL", raising=False)
    found = await examined(rest_url="", market_url="", user_url="")
    assert "Coinbase's own, over TLS" == found["addresses"].text
    assert "coinbase" not in found


async def test_an_exchange_that_is_away_is_the_callers_to_tell(
    examined: Any, local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked a few times before."""
    monkeypatch.setattr(local.sandbox, "handle", lambda _: gateway_answer("away"))
    with pytest.raises(VenueUnavailable, match="504"):
        await examined(**STREAMS)
