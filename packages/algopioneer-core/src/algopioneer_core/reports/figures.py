"""The figures of a result as labels and texts for people; the page and the terminal share them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import frozen

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ONE, ZERO, Money, divide_half_even, mul, plain, scaled
from algopioneer_core.domain.times import duration_text, iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.simulation.config import BacktestConfig, FillTiming
from algopioneer_core.simulation.result import BacktestResult, costs_as_dict

__all__ = [
    "UNDEFINED",
    "Section",
    "amount_text",
    "assumptions",
    "figure_sections",
    "number_text",
    "percent_text",
    "setting_sections",
]

UNDEFINED: Final = "\N{EN DASH}"
"""Shown for a figure that is undefined, for instance a profit factor without a loss."""

_SMALL_PLACES: Final = 8


@frozen
class Section:
    """A titled group of labelled texts."""

    title: str
    rows: tuple[tuple[str, str], ...]


def amount_text(amount: Money | None, currency: str = "") -> str:
    """
    Return *amount* for people: thousands separated, rounded half to even at two decimals.

    What is smaller than one keeps up to eight decimals, so that prices of cents stay readable.
    """
    if amount is None:
        return UNDEFINED
    unit = f" {currency}" if currency else ""
    if amount and -1 < amount < 1:
        return plain(divide_half_even(amount, ONE, places=_SMALL_PLACES)) + unit
    cents = scaled(divide_half_even(amount, ONE, places=2), 2)
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{rest:02d}{unit}"


def percent_text(value: float | None, *, signed: bool = False) -> str:
    """Return a percentage with two decimals, with `+` before a gain when *signed*."""
    if value is None:
        return UNDEFINED
    if abs(value) >= 1e7:
        return f"{value:+.2e} %" if signed else f"{value:.2e} %"
    return f"{value:+,.2f} %" if signed else f"{value:,.2f} %"


def number_text(value: float | None) -> str:
    """Return a ratio with two decimals."""
    if value is None:
        return UNDEFINED
    return f"{value:,.2f}" if abs(value) < 1e7 else f"{value:.2e}"


def _time_text(ts_ns: int | None) -> str:
    return UNDEFINED if ts_ns is None else iso_utc(ts_ns).replace("T", " ").replace("Z", " UTC")


def figure_sections(result: BacktestResult) -> tuple[Section, ...]:
    """Return all figures of *result*: capital, risk, trades."""
    return (_capital(result), _risk(result), _trades(result))


def _capital(result: BacktestResult) -> Section:
    equity, currency = result.performance.equity, result.currency
    return Section(
        "Return",
        (
            ("Initial capital", amount_text(result.initial_capital, currency)),
            ("Final capital", amount_text(result.final_capital, currency)),
            ("Net profit", amount_text(result.net_profit, currency)),
            *_carry(result),
            ("Return", percent_text(equity.return_pct, signed=True)),
            ("Buy and hold", percent_text(equity.buy_and_hold_return_pct, signed=True)),
            ("Growth per year (CAGR)", percent_text(equity.cagr_pct, signed=True)),
            ("Time in the market", percent_text(equity.exposure_pct)),
        ),
    )


def _carry(result: BacktestResult) -> tuple[tuple[str, str], ...]:
    """Return the rows of what holding brought or cost, as far as it was given."""
    carry = result.carry
    given = {
        "of it funding": carry.funding,
        "borrowing cost": carry.borrow,
        "of it dividends": carry.dividends,
    }
    return tuple(
        (f"\N{BULLET} {label}", _amounts_text(amounts))
        for label, amounts in given.items()
        if amounts is not None
    )


def _amounts_text(amounts: Mapping[str, Money]) -> str:
    texts = [amount_text(amount, asset) for asset, amount in amounts.items()]
    return " and ".join(texts) or amount_text(ZERO)


def _risk(result: BacktestResult) -> Section:
    equity = result.performance.equity
    drawdown = equity.drawdown
    lasted = drawdown.duration_s
    span = UNDEFINED if lasted is None else duration_text(round(lasted * NS_PER_SECOND))
    recovery = _time_text(drawdown.recovery_ns)
    if drawdown.peak_ns is not None and drawdown.recovery_ns is None:
        recovery = "not recovered"
    return Section(
        "Risk",
        (
            ("Sharpe ratio", number_text(equity.sharpe_ratio)),
            ("Sortino ratio", number_text(equity.sortino_ratio)),
            ("Calmar ratio", number_text(equity.calmar_ratio)),
            ("Volatility per year", percent_text(equity.volatility_pct)),
            ("Maximum drawdown", percent_text(drawdown.depth_pct)),
            ("\N{BULLET} from peak", _time_text(drawdown.peak_ns)),
            ("\N{BULLET} lowest", _time_text(drawdown.trough_ns)),
            ("\N{BULLET} recovery", recovery),
            ("\N{BULLET} lasted", span),
        ),
    )


def _trades(result: BacktestResult) -> Section:
    trades, currency = result.performance.trades, result.currency
    totals = trades.totals
    return Section(
        "Trades",
        (
            ("Trades", f"{totals.total:,}"),
            ("Won / lost", f"{totals.winning:,} / {totals.losing:,}"),
            ("Win rate", percent_text(trades.win_rate_pct)),
            ("Profit factor", number_text(trades.profit_factor)),
            ("Expectancy per trade", amount_text(trades.expectancy, currency)),
            ("Average win", amount_text(trades.average_win, currency)),
            ("Average loss", amount_text(trades.average_loss, currency)),
            ("Best trade", amount_text(totals.best, currency)),
            ("Worst trade", amount_text(totals.worst, currency)),
            ("Fees paid", amount_text(totals.fees, currency)),
            ("Turnover", amount_text(totals.turnover, currency)),
        ),
    )


def setting_sections(result: BacktestResult) -> tuple[Section, ...]:
    """Return what the run was told: the strategy's parameters, costs, and the data's origin."""
    run = {
        "interval": format_interval(result.interval_ns),
        "bars": f"{result.bars:,}",
        "first bar closes": _time_text(result.first_bar_ns),
        "last bar closes": _time_text(result.last_bar_ns),
        "engine": result.engine,
    }
    sections = (
        _settings("Strategy parameters", result.parameters),
        _settings("Costs and fills", costs_as_dict(result.config)),
        _settings("Data", {**run, **result.data}),
    )
    return tuple(section for section in sections if section.rows)


def _settings(title: str, values: Mapping[str, object]) -> Section:
    rows = tuple((key.replace("_", " "), _setting_text(value)) for key, value in values.items())
    return Section(title, rows)


def _setting_text(value: object) -> str:
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_setting_text(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(_setting_text, value))
    return str(value)


def assumptions(result: BacktestResult) -> tuple[str, ...]:
    """Return what a reader must know to judge the figures: the model's rules, then the notes."""
    return (
        _fill_rule(result.config),
        _cost_rule(result.config),
        _carry_rule(result),
        "Positions open at the end were liquidated at the last close, with costs.",
        "Returns are annualised by "
        + (
            "no number: no time has passed."
            if (yearly := result.performance.equity.bars_per_year) is None
            else f"{yearly:,.0f} bars per year; the risk-free rate is 0."
        ),
        _buy_and_hold_rule(result),
        *(("Equity reached zero: the run ended early.",) if result.ruined else ()),
        *result.notes,
    )


def _carry_rule(result: BacktestResult) -> str:
    carry = result.carry
    inputs = {"borrowing": carry.borrow, "funding": carry.funding, "dividends": carry.dividends}
    missing = [name for name, amounts in inputs.items() if amounts is None]
    if not missing:
        return "Interest on cash is not counted: it costs and earns nothing."
    nothing = f"{', '.join(missing)} and interest on cash".capitalize()
    return f"{nothing} were not given as inputs: they cost and earn nothing."


def _buy_and_hold_rule(result: BacktestResult) -> str:
    if len(result.symbols) == 1:
        return "Buy and hold is the price from the first close to the last, without costs."
    if len(result.symbols) > 2:
        return f"Buy and hold is {result.symbols[0]} from the first close to the last, no costs."
    return (
        "Buy and hold is equal amounts of each instrument from the first close to the last, "
        "without costs."
    )


def _fill_rule(config: BacktestConfig) -> str:
    price = "open" if config.fill is FillTiming.NEXT_OPEN else "close"
    bars = config.latency_bars + 1
    when = "the next bar" if bars == 1 else f"the bar {bars} bars later"
    share = config.volume_limit
    rest = (
        "orders fill in full, whatever the bar's volume"
        if share is None
        else f"an order takes at most {plain(_percent(share))} % of a bar's volume"
    )
    return f"Market orders decided at a bar's close fill at the {price} of {when}; {rest}."


def _cost_rule(config: BacktestConfig) -> str:
    fees = config.fees
    parts = [
        f"slippage {plain(_percent(config.slippage))} %",
        f"taker fee {plain(_percent(fees.taker))} %",
        f"maker fee {plain(_percent(fees.maker))} %",
    ]
    if fees.maker_rebate:
        parts.append(f"maker rebate {plain(_percent(fees.maker_rebate))} %")
    if fees.per_unit:
        parts.append(f"{plain(fees.per_unit)} per unit")
    return f"Each fill costs: {', '.join(parts)}."


def _percent(fraction: Decimal) -> Decimal:
    return mul(fraction, Decimal(100))
