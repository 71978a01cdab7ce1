import enum
import functools
import json
import subprocess
import sys
import typing
from decimal import Decimal
from typing import Any, get_args

import attrs
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.commands import Command, Submit
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.events import Event, RiskHalted
from algopioneer_core.domain.execution_reports import OrderCanceled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.kept import KeptList, KeptMapping
from algopioneer_core.domain.market_data import Bar, JointBar, Quote
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType, TimeInForce
from algopioneer_core.domain.positions import Position
from algopioneer_core.journal.codec import TYPES, decode, encode, written
from algopioneer_core.journal.errors import CodecError
from algopioneer_core.testing.domain import (
    BITCOIN,
    OrderHistory,
    amounts,
    fills,
    hear,
    instruments,
    order_histories,
)

IDS = st.builds(
    InstrumentId, st.sampled_from(("sim", "kraken")), st.text("ABC-/", min_size=1, max_size=9)
)


@st.composite
def intents(draw: st.DrawFn) -> OrderIntent:
    """Return what may be ordered: few fields drawn blindly would fit each other."""
    kind, in_force = draw(st.sampled_from(OrderType)), draw(st.sampled_from(TimeInForce))
    limited, stopped = "limit" in kind.value, "stop" in kind.value
    positive = amounts().map(abs).filter(bool)
    size = draw(st.sampled_from(("quantity", "quote_amount")))
    rests = limited and in_force not in {TimeInForce.IOC, TimeInForce.FOK}
    return OrderIntent(
        instrument_id=draw(IDS),
        side=draw(st.sampled_from(Side)),
        type=kind,
        limit_price=draw(positive) if limited else None,
        stop_price=draw(positive) if stopped else None,
        time_in_force=in_force,
        expire_ns=draw(st.integers()) if in_force is TimeInForce.GTD else None,
        post_only=rests and draw(st.booleans()),
        reduce_only=draw(st.booleans()),
        reason=draw(st.text()),
        **{size: draw(positive)},
    )


@functools.cache
def words(kind: type) -> st.SearchStrategy[Any]:
    """Return objects of *kind* that its own class accepts."""
    own = {Decimal: amounts, InstrumentId: lambda: IDS, Instrument: instruments}
    make = {**own, OrderIntent: intents}.get(kind)
    if make is not None:
        return make()
    if issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    fields = typing.get_type_hints(kind)
    if attrs.has(kind):
        fields = {each.name: fields[each.name] for each in attrs.fields(kind) if each.init}
    return accepted(kind, {name: of_hint(hint) for name, hint in fields.items()})


@st.composite
def accepted(draw: st.DrawFn, kind: type, fields: dict[str, st.SearchStrategy[Any]]) -> Any:
    """Return an object of *kind* made of these fields, if its class lets them stand together."""
    values = {name: draw(values) for name, values in fields.items()}
    try:
        return kind(**values)
    except AlgopioneerError:
        hypothesis.reject()


def of_hint(hint: Any) -> st.SearchStrategy[Any]:
    """Return values of a field's type."""
    origin, arguments = getattr(hint, "__origin__", None), get_args(hint)
    if origin is tuple and arguments[-1] is ...:
        return st.lists(of_hint(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of_hint, arguments))
    if origin is frozenset:
        return st.frozensets(of_hint(arguments[0]), max_size=3)
    if arguments:  # a union
        return st.one_of(*map(of_hint, arguments))
    if hint in TYPES.values():
        return words(hint)
    return st.from_type(hint)


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_every_word_of_the_domain_comes_back(kind: type) -> None:
    """Whatever the domain can say is read back as what it was, and has one text."""

    @given(words(kind))
    @hypothesis.settings(
        max_examples=15, suppress_health_check=[hypothesis.HealthCheck.filter_too_much]
    )
    def comes_back(word: Any) -> None:
        text = encode(word)
        found = decode(text)
        assert (found, type(found)) == (word, type(word))
        assert encode(found) == text
        assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == json.dumps(
            json.loads(text), separators=(",", ":")
        )

    comes_back()


@given(order_histories())
def test_orders_come_back_in_every_state(history: OrderHistory) -> None:
    """An order with its fills, after any reports, is the same order."""
    order = history.order
    for report in history.reports:
        order = hear(order, report)
        assert decode(encode(order)) == order
        assert decode(encode(report)) == report


@given(fills())
def test_positions_come_back(executed: list[Any]) -> None:
    """A position with its instrument, for which a field is worked out, is the same position."""
    position = Position(BITCOIN)
    for fill in executed:
        position = position.apply(fill)
    assert decode(encode(position)) == position


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key[:1] != "$"), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_json_values_come_back(value: Any) -> None:
    """Snapshots are JSON values, with integers as large as they come."""
    assert decode(encode(value)) == value


def test_domain_objects_stand_anywhere_in_a_mapping() -> None:
    """A decision holds an event, wishes and what risk said of them."""
    bar = Bar(InstrumentId("sim", "A"), 5, 1, 2, 1, 2, 0, 2, 0, 6)
    wish = OrderIntent(instrument_id=bar.instrument_id, side=Side.BUY, quantity=Decimal("1.50"))
    body = {"event": bar, "wishes": [wish, {"n": Decimal("0.10")}], "side": Side.SELL}
    assert decode(encode(body)) == body


def test_text_is_canonical() -> None:
    """The text is pinned: a journal is compared byte for byte, over years."""
    quote = Quote(
        InstrumentId("sim", "A"), 1, Decimal("1.50"), Decimal(2), Decimal(0), Decimal("1E+3"), 2
    )
    halted = RiskHalted(7, "größer", None)
    assert encode({"b": quote, "a": (True, 2**70)}) == (
        '{"a":[true,1180591620717411303424],"b":{"$Quote":["sim:A",1,"1.50","2","0","1E+3",2]}}'
    )
    assert encode(halted) == ('{"$RiskHalted":{"reason":"größer","strategy":null,"ts_event":7}}')


def test_text_does_not_depend_on_hash_seeds() -> None:
    """Sets are sorted: two processes with different seeds write the same text."""
    program = (
        "from decimal import Decimal\n"
        "from algopioneer_core.journal.codec import encode\n"
        "from algopioneer_core.domain.orders import Order, OrderIntent\n"
        "from algopioneer_core.domain.fills import Side\n"
        "from algopioneer_core.domain.instruments import InstrumentId\n"
        "intent = OrderIntent(instrument_id=InstrumentId('a', 'b'), side=Side.BUY,"
        " quantity=Decimal(1))\n"
        "print(encode(Order('x', intent, 0, fill_ids=frozenset(map(str, range(50))))))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_the_closed_unions_are_covered() -> None:
    """No event or command is without a text."""
    assert set(get_args(Event)) | set(get_args(Command)) <= set(TYPES.values())
    assert {Order, OrderIntent, Submit, JointBar, Position} <= set(TYPES.values())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "nan"),
        ({"a": [float("inf")]}, "inf"),
        ({"a": {1, 2}}, "set"),
        ({1: 2}, "1 cannot be a key"),
        ({"$x": 2}, "begin with"),
        (object(), "object"),
        ({"a": b"bytes"}, "bytes"),
    ],
)
def test_what_has_no_canonical_text_is_refused(value: object, message: str) -> None:
    """What would come back as something else is not written at all."""
    with pytest.raises(CodecError, match=message):
        encode(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"$OrderTeleported":{}}', "newer version"),
        ('{"$OrderCanceled":{"client_order_id":"a","ts_event":1,"venue":"x"}}', "venue"),
        ('{"$OrderCanceled":{"client_order_id":"a"}}', "ts_event"),
        ('{"$Decimal":1.5}', "not the text of a decimal"),
        ('{"$Side":"sideways"}', "sideways"),
        ('{"$OrderCanceled":', "cannot be read"),
        ("x" * 500, "…"),
    ],
)
def test_what_is_not_known_here_is_refused(text: str, message: str) -> None:
    """A text by a newer version is an error, never half of a value."""
    with pytest.raises(CodecError, match=message):
        decode(text)


def test_a_field_that_is_younger_than_the_text_has_its_default() -> None:
    """A class may get a field with a default without a new schema."""
    text = '{"$OrderCanceled":{"client_order_id":"a","ts_event":1}}'
    assert decode(text) == OrderCanceled("a", 1)


def test_what_is_written_already_is_put_in_as_it_is() -> None:
    """A part that was written before has the text that it would have now, and its value too."""
    state: dict[str, object] = {"prices": [1, None, "2"], "held": Decimal("1.50")}
    part = written(state)
    assert encode({"b": 1, "a": state, "c": [state]}) == encode({"b": 1, "a": part, "c": [part]})
    assert encode(state) == encode(part)
    assert {"prices": [1, None, "2"], "held": Decimal("1.50")} == part.value()
    state["prices"] = []
    part.value()["held"] = None
    assert {"prices": [1, None, "2"], "held": Decimal("1.50")} == part.value()


def test_a_mark_of_a_tag_inside_a_key_is_a_letter_like_others() -> None:
    """Only at the beginning it would be taken for a tag, however plain the rest is."""
    assert '{"US$":1}' == encode({"US$": 1})
    with pytest.raises(CodecError, match="cannot be a key"):
        encode({"plain": 1, "$US": 1})


def test_part_that_is_kept_is_written_once_and_read_by_all() -> None:
    """It is what it was made of, and its text that of any mapping or list of the same parts."""
    books = KeptMapping({"b": [1, "2"], "a": None})
    rows = KeptList([["cash", "1.50"], []])
    state = {"books": books, "rows": rows, "now": 1}
    plain = {"books": dict(books), "rows": list(rows), "now": 1}
    assert state == plain
    assert encode(state) == encode(plain) == encode(state)
    assert (books.text, rows.text) == (encode(dict(books)), encode(list(rows)))
    assert encode(books) == books.text
    assert decode(encode(state)) == plain
