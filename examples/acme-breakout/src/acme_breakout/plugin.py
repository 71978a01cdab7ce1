"""What this distribution plugs in."""

from algopioneer_core.plugins import StrategySpec, hookimpl


@hookimpl
def algopioneer_strategies() -> list[StrategySpec]:
    """Strategies of this distribution."""
    return [
        StrategySpec(
            name="breakout",
            summary="Buy a new high, sell a new low.",
            factory="acme_breakout.strategy:Breakout.make",
            config="acme_breakout.config:BreakoutConfig",
        )
    ]
