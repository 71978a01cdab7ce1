"""The checks before a spread is opened; each that is not set lets everything pass."""

from decimal import Decimal
from fractions import Fraction

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import Money, Price, Quantity, divide_half_even, mul, plain
from algopioneer_core.engine.leg_clock import nanoseconds
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.spread_sizing import SizedSpread

__all__ = ["entry_problem", "exit_problem", "quote_worth"]


def entry_problem(
    rules: LegRules,
    portfolio: Portfolio,
    legs: tuple[Instrument, Instrument],
    prices: tuple[Price, Price],
    sized: SizedSpread,
    now_ns: int,
    ended_ns: int | None,
) -> str:
    """
    Return why a spread must not be opened now; empty when it may.

    Args:
        rules: The guards.
        portfolio: Knows how old the marks of both legs are.
        legs: The strategy's first and second instrument.
        prices: Their marks.
        sized: The quantities that would be ordered.
        now_ns: Time of the decision, UTC nanoseconds.
        ended_ns: When the last spread ended; None when there was none.
    """
    return (
        _time_problem(rules, portfolio, legs, now_ns, ended_ns)
        or _price_problem(rules, prices)
        or _size_problem(rules, legs, prices, sized)
    )


def exit_problem(rules: LegRules, now_ns: int, entered_ns: int) -> str:
    """Return why a spread must not be closed yet; empty when it may. Stops are not asked."""
    cooldown = rules.exit_cooldown_s
    if _is_within(cooldown, entered_ns, now_ns):
        return f"it was opened less than {cooldown} s ago"
    return ""


def _is_within(cooldown: Decimal | None, since_ns: int | None, now_ns: int) -> bool:
    """Return whether less than *cooldown* seconds have passed; False where either is None."""
    if cooldown is None or since_ns is None:
        return False
    return now_ns - since_ns < nanoseconds(cooldown)


def _time_problem(
    rules: LegRules,
    portfolio: Portfolio,
    legs: tuple[Instrument, Instrument],
    now_ns: int,
    ended_ns: int | None,
) -> str:
    cooldown = rules.entry_cooldown_s
    if _is_within(cooldown, ended_ns, now_ns):
        return f"the last spread ended less than {cooldown} s ago"
    age, skew = rules.max_price_age_s, rules.max_price_skew_s
    if age is None and skew is None:
        return ""
    times = [portfolio.mark_ns(each.id) or 0 for each in legs]
    if age is not None and now_ns - min(times) > nanoseconds(age):
        return f"a price is older than {age} s"
    if skew is not None and max(times) - min(times) > nanoseconds(skew):
        return f"the prices of the legs are more than {skew} s apart"
    return ""


def _price_problem(rules: LegRules, prices: tuple[Price, Price]) -> str:
    low, high = rules.min_price_ratio, rules.max_price_ratio
    if low is None and high is None:
        return ""
    first, second = prices
    if low is not None and first < mul(second, low):
        return f"the price ratio is below {low}"
    if high is not None and first > mul(second, high):
        return f"the price ratio is above {high}"
    return ""


def _size_problem(
    rules: LegRules,
    legs: tuple[Instrument, Instrument],
    prices: tuple[Price, Price],
    sized: SizedSpread,
) -> str:
    limit, allowed = rules.max_leg_notional, rules.max_imbalance
    if allowed is not None and sized.imbalance > allowed:
        return f"rounding leaves the legs {_percent(sized.imbalance)} % apart"
    if limit is None:
        return ""
    for leg, quantity, price in zip(legs, sized[:2], prices, strict=True):
        if quote_worth(leg, quantity, price) > limit:
            return f"the leg {leg.id} is worth more than {limit}"
    return ""


def quote_worth(leg: Instrument, quantity: Quantity, price: Price) -> Money:
    """Return the worth of an unsigned quantity in quote currency, contracts of all kinds too."""
    size = mul(quantity, leg.multiplier)
    return size if leg.inverse else mul(size, price)


def _percent(part: Fraction) -> str:
    """Return *part*, which is not zero, in per cent, half to even at two decimals."""
    percent = divide_half_even(Decimal(100 * part.numerator), Decimal(part.denominator), places=2)
    return plain(percent) if percent else "less than 0.01"
