"""Validators of attrs fields for numbers; each raises a ConfigError that names the field."""

from typing import Any

from algopioneer_core.domain.errors import ConfigError

__all__ = ["above_zero", "moderate", "not_negative", "part", "small"]


def above_zero(instance: object, attribute: object, value: Any) -> None:
    """Refuse what is not positive."""
    if value <= 0:
        _refuse(attribute, "must be positive", value)


def not_negative(instance: object, attribute: object, value: Any) -> None:
    """Refuse what is negative."""
    if value < 0:
        _refuse(attribute, "must not be negative", value)


def small(instance: object, attribute: object, value: Any) -> None:
    """Refuse what is not a deviation of which six leave a price positive."""
    if not 0 <= value < 0.1:
        _refuse(attribute, "must be at least 0 and below 0.1", value)


def moderate(instance: object, attribute: object, value: Any) -> None:
    """Refuse what is not between -0.1 and 0.1."""
    if not -0.1 < value < 0.1:
        _refuse(attribute, "must be between -0.1 and 0.1", value)


def part(instance: object, attribute: object, value: Any) -> None:
    """Refuse what is not above 0 and at most 1."""
    if not 0 < value <= 1:
        _refuse(attribute, "must be above 0 and at most 1", value)


def _refuse(attribute: object, rule: str, value: Any) -> None:
    name = str(getattr(attribute, "name", "value"))
    raise ConfigError(f"{name} {rule}, not {value}", where=name)
