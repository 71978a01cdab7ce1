"""
Exact money: decimal arithmetic that refuses to round unless it is told how.

Prices, quantities and amounts are plain `Decimal` values. What keeps them exact is where the
arithmetic happens: every operation goes through one of the functions below, which work in a
context of their own (60 digits, `Inexact` trapped). The interpreter's current context is never
used, because a plugin may change it; so `a + b` on two decimals is a mistake in this code base,
`add(a, b)` is right. Comparison operators are exact in any context and are used as they are.

Division is the one operation that cannot stay exact, so there is no plain `divide`: each function
that divides says in its name or argument in which direction it rounds.
"""

import decimal
from decimal import Decimal
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from algopioneer_core.domain.errors import MoneyError

__all__ = [
    "BPS",
    "ONE",
    "ZERO",
    "Increment",
    "Money",
    "Price",
    "Quantity",
    "add",
    "canonical",
    "decimal_of",
    "divide_half_even",
    "exact_mul",
    "exact_sub",
    "floor_units",
    "from_scaled",
    "mul",
    "neg",
    "plain",
    "scaled",
    "sub",
    "total",
]

Price: TypeAlias = Decimal
"""Quote currency for one unit of base (for one contract unit, before the multiplier)."""
Quantity: TypeAlias = Decimal
"""Base units or contracts; signed where a position is meant (a sale is negative)."""
Money: TypeAlias = Decimal
"""An amount of one asset, usually the quote currency; signed (what leaves is negative)."""

_PRECISION: Final = 60
_TRAPS: Final = (
    decimal.InvalidOperation,
    decimal.DivisionByZero,
    decimal.Overflow,
    decimal.FloatOperation,
)


def _context(precision: int, rounding: str, *, exact: bool) -> decimal.Context:
    return decimal.Context(
        prec=precision,
        rounding=rounding,
        Emin=-999_999,
        Emax=999_999,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[decimal.Inexact, *_TRAPS] if exact else list(_TRAPS),
    )


# Every argument is given, because what is left out is taken from `decimal.DefaultContext`, which
# anyone may change before this module is imported.
_EXACT: Final = _context(_PRECISION, decimal.ROUND_HALF_EVEN, exact=True)
# A quotient is found in two steps that round once: ROUND_05UP cuts it, and leaves a last digit that
# is neither 0 nor 5 unless the cut was exact; so a tie cannot be taken for one, or missed, when the
# second step rounds to fewer digits. (General Decimal Arithmetic Specification, round-05-up.)
_CUT: Final = _context(_PRECISION + 4, decimal.ROUND_05UP, exact=False)
_HALF_EVEN: Final = _context(_PRECISION, decimal.ROUND_HALF_EVEN, exact=False)
_UNLIMITED: Final = _context(decimal.MAX_PREC, decimal.ROUND_HALF_EVEN, exact=True)

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
BPS: Final = Decimal("0.0001")
"""One basis point as a fraction."""

# Bound methods, not functions around them: the wrapping would cost more than the arithmetic.
add = _EXACT.add
"""`add(a, b)`: a + b, exactly; raises `decimal.Inexact` past 60 digits."""
sub = _EXACT.subtract
"""`sub(a, b)`: a - b, exactly; raises `decimal.Inexact` past 60 digits."""
mul = _EXACT.multiply
"""`mul(a, b)`: a * b, exactly; raises `decimal.Inexact` past 60 digits."""
neg = _EXACT.minus
"""`neg(a)`: -a, exactly (zero has no sign)."""
exact_mul = _UNLIMITED.multiply
"""`exact_mul(a, b)`: a * b with as many digits as that takes, for comparisons: a / b < c / d is
decided by products, which are a tenth of the work of fractions. Not for amounts that are kept."""
exact_sub = _UNLIMITED.subtract
"""`exact_sub(a, b)`: a - b likewise."""


def decimal_of(value: str | int | Decimal) -> Decimal:
    """
    Return *value* as a decimal, exactly as written, except that zero has no sign.

    Raises:
        MoneyError: *value* is a float (its decimal text is a guess), not a number, not finite, or
            has more than 60 digits before or behind the point.
    """
    if isinstance(value, float | bool):
        kind = type(value).__name__
        raise MoneyError(f"{value!r} is a {kind}", remedy="write it as text or as a Decimal")
    try:
        number = Decimal(value)
    except (decimal.InvalidOperation, ValueError, TypeError):
        raise MoneyError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise MoneyError(f"{value!r} is not a finite number")
    if not number:
        return ZERO if number.is_signed() else number
    exponent = number.as_tuple().exponent
    if number.adjusted() >= _PRECISION or (isinstance(exponent, int) and exponent < -_PRECISION):
        raise MoneyError(f"{value!r} has more than {_PRECISION} digits on one side of the point")
    return number


def total(*amounts: Decimal) -> Decimal:
    """Return the exact sum of *amounts*; zero when there are none."""
    result = ZERO
    for amount in amounts:
        result = add(result, amount)
    return result


def floor_units(amount: Decimal, unit: Decimal) -> int:
    """
    Return how many whole *unit*s fit into *amount*, rounded towards minus infinity.

    Args:
        amount: Any sign.
        unit: Positive.

    Raises:
        MoneyError: *unit* is not positive.
        decimal.InvalidOperation: The number of units has more than 60 digits.
    """
    if not unit > ZERO:
        raise MoneyError(f"a unit must be positive, not {unit}")
    quotient, remainder = _EXACT.divmod(amount, unit)
    return int(quotient) - (1 if remainder < ZERO else 0)


def divide_half_even(numerator: Decimal, denominator: Decimal, *, places: int) -> Decimal:
    """
    Return numerator / denominator rounded half to even at *places* decimals.

    The quotient is rounded once: no tie is made or missed by an earlier rounding. It keeps no
    trailing zeros.

    Raises:
        MoneyError: *denominator* is zero.
        decimal.InvalidOperation: The result has more than 60 digits.
    """
    if not denominator:
        raise MoneyError(f"{numerator} cannot be divided by zero")
    return canonical(_HALF_EVEN.quantize(_CUT.divide(numerator, denominator), _UNITS[places]))


class _Units(dict[int, Decimal]):
    """10**-places by places; looked up, because making one costs more than multiplying with it."""

    def __missing__(self, places: int) -> Decimal:
        return Decimal((0, (1,), -places))


_UNITS: Final = _Units((places, Decimal((0, (1,), -places))) for places in range(_PRECISION + 1))


def scaled(value: Decimal, decimals: int) -> int:
    """
    Return *value* as an integer number of 10**-decimals.

    Raises:
        MoneyError: *value* has more decimals than that.
    """
    shifted = _EXACT.scaleb(value, decimals)
    number = int(shifted)
    if number != shifted:
        raise MoneyError(f"{value} has more than {decimals} decimals")
    return number


def from_scaled(number: int, decimals: int) -> Decimal:
    """Return number * 10**-decimals, exactly; it has that many decimals even where they are 0."""
    return mul(number, _UNITS[decimals])


def canonical(value: Decimal) -> Decimal:
    """Return *value* without trailing zeros, without a sign on zero and never as 1E+3."""
    return add(_EXACT.normalize(value), ZERO)  # + 0 brings an exponent above zero down to zero


def plain(value: Decimal) -> str:
    """Return *value* as text that is exact, canonical and never in exponent form."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if value else "0"  # a negative zero, and one that was written 0E+3


def _check_step(_: object, __: object, step: Any) -> None:
    if not isinstance(step, Decimal) or not step.is_finite() or step <= 0:
        raise MoneyError(f"an increment must be a positive decimal, not {step!r}")


@frozen
class Increment:
    """
    The grid a venue wants prices, quantities or amounts on.

    Each rounding method names its direction; none is the default.
    """

    step: Decimal = field(validator=_check_step)
    """The distance between neighbouring values; positive."""

    def contains(self, value: Decimal) -> bool:
        """Return whether *value* is a multiple of the step."""
        return not _EXACT.remainder(value, self.step)

    def floor(self, value: Decimal) -> Decimal:
        """Return the largest multiple not above *value* (towards minus infinity)."""
        quotient, remainder = _EXACT.divmod(value, self.step)
        return mul(sub(quotient, ONE) if remainder < ZERO else quotient, self.step)

    def ceil(self, value: Decimal) -> Decimal:
        """Return the smallest multiple not below *value* (towards plus infinity)."""
        return neg(self.floor(neg(value)))

    def toward_zero(self, value: Decimal) -> Decimal:
        """Return the multiple next to *value* on the side of zero."""
        if value < ZERO:
            return self.ceil(value)
        return mul(_EXACT.divide_int(value, self.step), self.step)

    def nearest(self, value: Decimal) -> Decimal:
        """Return the nearest multiple; exactly between two, the even one."""
        return mul(divide_half_even(value, self.step, places=0), self.step)
