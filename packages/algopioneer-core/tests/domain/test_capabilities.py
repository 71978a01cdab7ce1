"""What a venue declares it can do, and how a declaration is questioned."""

from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    FillReporting,
    IdempotentSubmit,
    Pushed,
    Support,
)
from algopioneer_core.domain.errors import PluginError
from algopioneer_core.domain.instruments import InstrumentKind

MINUTE_NS = 60 * 1_000_000_000
ORDERS = {
    Capability.MARKET_ORDERS: Support.NATIVE,
    Capability.CANCEL_ALL: Support.EMULATED,
    Capability.BOOK: Support.UNSUPPORTED,
}

capabilities_of_enum = st.sampled_from(Capability)
supports = st.sampled_from(Support)
declarations = st.dictionaries(
    capabilities_of_enum.filter(lambda each: "bars" not in each.value), supports
)


def declare(**fields: Any) -> Capabilities:
    """Return a small valid declaration with *fields* replaced."""
    least: dict[str, Any] = {
        "support": ORDERS,
        "idempotent_submit": IdempotentSubmit.ALWAYS,
        "fill_reporting": FillReporting.SINGLE,
        "absence_after_ns": MINUTE_NS,
    }
    return Capabilities(**(least | fields))


def test_what_is_not_declared_is_unsupported() -> None:
    """Silence is never taken for a promise."""
    assert declare().supports(Capability.SHORT_SELLING) is Support.UNSUPPORTED


def test_what_is_declared_is_answered() -> None:
    """Each declared capability answers as declared."""
    answers = {each: declare().supports(each) for each in ORDERS}
    assert answers == ORDERS


def test_require_names_what_is_missing_in_the_order_asked_and_once() -> None:
    """The answer can be printed as it is: no repeats, and emulated is good enough."""
    wanted = [
        Capability.SHORT_SELLING,
        Capability.CANCEL_ALL,
        Capability.BOOK,
        Capability.MARKET_ORDERS,
        Capability.SHORT_SELLING,
    ]
    assert declare().require(wanted) == (Capability.SHORT_SELLING, Capability.BOOK)


def test_require_of_nothing_misses_nothing() -> None:
    """A strategy without needs fits every venue."""
    assert declare().require(iter(())) == ()


def test_an_exception_for_a_kind_replaces_the_general_answer() -> None:
    """A broker that lends equities and not coins says so, and each kind gets its own answer."""
    broker = declare(
        support={Capability.SHORT_SELLING: Support.NATIVE},
        kinds=(InstrumentKind.EQUITY, InstrumentKind.SPOT),
        by_kind={InstrumentKind.SPOT: {Capability.SHORT_SELLING: Support.UNSUPPORTED}},
    )
    assert broker.supports(Capability.SHORT_SELLING, InstrumentKind.EQUITY) is Support.NATIVE
    assert broker.require([Capability.SHORT_SELLING], InstrumentKind.EQUITY) == ()
    assert broker.require([Capability.SHORT_SELLING], InstrumentKind.SPOT) == (
        Capability.SHORT_SELLING,
    )


def test_an_exception_can_grant_what_is_unsupported_in_general() -> None:
    """A capability declared for one kind alone counts for the venue when no kind is named."""
    venue = declare(
        kinds=(InstrumentKind.SPOT, InstrumentKind.FUTURE),
        by_kind={InstrumentKind.FUTURE: {Capability.MARGIN: Support.EMULATED}},
    )
    assert venue.supports(Capability.MARGIN) is Support.EMULATED
    assert venue.supports(Capability.MARGIN, InstrumentKind.SPOT) is Support.UNSUPPORTED


def test_a_kind_that_is_not_traded_supports_nothing() -> None:
    """An order for an option at a spot exchange fails at the question, not at the venue."""
    spot_only = declare(kinds=(InstrumentKind.SPOT,))
    assert (
        spot_only.supports(Capability.MARKET_ORDERS, InstrumentKind.EQUITY) is Support.UNSUPPORTED
    )


@given(support=declarations, kind=st.sampled_from(InstrumentKind), exception=declarations)
def test_without_a_kind_the_answer_is_never_weaker_than_for_a_kind(
    support: dict[Capability, Support],
    kind: InstrumentKind,
    exception: dict[Capability, Support],
) -> None:
    """So a refusal made before the instruments are known is never wrong."""
    venue = declare(support=support, by_kind={kind: exception})
    for each in InstrumentKind:
        assert set(venue.require(Capability)) <= set(venue.require(Capability, each))


@given(support=declarations)
def test_missing_and_supported_share_out_all_capabilities(
    support: dict[Capability, Support],
) -> None:
    """Every capability is either missing or supported, never both."""
    venue = declare(support=support)
    supported = {key for key, value in support.items() if value is not Support.UNSUPPORTED}
    assert set(venue.require(Capability)) == set(Capability) - supported


def test_a_declaration_does_not_follow_the_mapping_it_was_made_from() -> None:
    """Changing the author's dictionary later changes nothing."""
    mutable = dict(ORDERS)
    venue = declare(support=mutable)
    mutable[Capability.BOOK] = Support.NATIVE
    assert venue.supports(Capability.BOOK) is Support.UNSUPPORTED


def test_a_declaration_is_frozen_all_the_way_down() -> None:
    """Neither the fields nor what they hold can be changed."""
    venue = declare(by_kind={InstrumentKind.SPOT: {}})
    with pytest.raises(FrozenInstanceError):
        venue.bar_stamp = "close"  # type: ignore[misc]
    with pytest.raises(TypeError):
        venue.support[Capability.BOOK] = Support.NATIVE  # type: ignore[index]
    with pytest.raises(TypeError):
        venue.by_kind[InstrumentKind.SPOT][Capability.BOOK] = Support.NATIVE  # type: ignore[index]


def test_equal_declarations_are_one_key() -> None:
    """A declaration can be hashed although it holds mappings, and differs when they differ."""
    other = declare(support={})
    assert len({declare(), declare(), other}) == 2


def test_bars_with_intervals_are_native() -> None:
    """A venue that lists its intervals keeps them."""
    venue = declare(
        support={
            Capability.BARS_HISTORY: Support.NATIVE,
            Capability.BARS_STREAM: Support.EMULATED,
        },
        history_bar_intervals_ns=(MINUTE_NS, 5 * MINUTE_NS),
        history_page_bars=350,
    )
    assert venue.history_bar_intervals_ns == (MINUTE_NS, 5 * MINUTE_NS)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"absence_after_ns": 0}, "absence_after_ns must be positive, not 0"),
        ({"submit_deadline_ns": -1}, "submit_deadline_ns must be positive, not -1"),
        ({"history_page_bars": 0}, "history_page_bars must be positive"),
        ({"history_depth_bars": 0}, "history_depth_bars must be positive"),
        ({"client_order_id_max_length": 0}, "client_order_id_max_length must be positive"),
        ({"history_bar_intervals_ns": (2, 1)}, "history_bar_intervals_ns must be positive, asc"),
        ({"stream_bar_intervals_ns": (1, 1)}, "without repeats"),
        ({"stream_bar_intervals_ns": (0, 1)}, "must be positive, ascending"),
        ({"stream_bar_intervals_ns": (1,)}, "bars-stream: being native and having intervals"),
        (
            {"support": {Capability.BARS_HISTORY: Support.NATIVE}},
            "bars-history: being native and having intervals",
        ),
        ({"bar_stamp": "middle"}, "bar_stamp must be open or close, not 'middle'"),
        ({"kinds": ()}, "kinds is empty"),
        (
            {
                "kinds": (InstrumentKind.SPOT,),
                "by_kind": {InstrumentKind.EQUITY: {}},
            },
            "by_kind names equity, which is not among kinds",
        ),
        ({"client_order_id_pattern": "["}, "client_order_id_pattern is not a regular expression"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(
    fields: dict[str, Any], cause: str
) -> None:
    """The author learns of the mistake when the plugin is loaded, by the name of the field."""
    with pytest.raises(PluginError) as caught:
        declare(**fields)
    assert cause in str(caught.value)


def test_a_changed_copy_is_checked_too() -> None:
    """A paper venue that narrows another's declaration cannot make it contradict itself."""
    with pytest.raises(PluginError):
        evolve(declare(), kinds=())


def test_what_a_venue_pushes_is_told_from_its_declaration() -> None:
    """As far as the whole venue tells: one over files knows each instrument better."""
    native, none = Support.NATIVE, Support.UNSUPPORTED
    support = {Capability.BARS_STREAM: native, Capability.TRADES: native, Capability.QUOTES: none}
    venue = declare(support=support, stream_bar_intervals_ns=(5, 60))
    assert Pushed(bar_intervals_ns=(5, 60), trades=True) == venue.pushed()


@pytest.mark.parametrize(
    ("text", "accepted"),
    [("a" * 18, True), ("a" * 19, False), ("with blank", False), ("", False)],
)
def test_client_order_ids_are_held_to_length_and_pattern(text: str, accepted: bool) -> None:
    """Both the length and the whole pattern count."""
    venue = declare(client_order_id_max_length=18, client_order_id_pattern="[!-~]+")
    assert venue.accepts_client_order_id(text) is accepted


def test_every_word_of_the_closed_lists_is_written_once() -> None:
    """Values are what configuration files and listings show, so they must be told apart."""
    values = [each.value for each in Capability]
    assert len(values) == len(Capability.__members__)
    assert all(value == value.lower() and " " not in value for value in values)
