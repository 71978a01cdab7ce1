"""What this distribution plugs in. Imports nothing heavy: it is loaded to list plugins."""

from algopioneer_core.plugins import StrategySpec, hookimpl

__all__ = ["algopioneer_strategies"]


@hookimpl
def algopioneer_strategies() -> list[StrategySpec]:
    """Strategies of this distribution."""
    return [
        StrategySpec(
            name="moving-average",
            summary="Trend following: two moving averages of the close cross.",
            factory="algopioneer_strategies.moving_average:MovingAverage.make",
            config="algopioneer_strategies.config:MovingAverageConfig",
            aliases=("moving_average",),
        )
    ]
