"""What this distribution plugs in. Imports nothing heavy: it is loaded to list plugins."""

from algopioneer_core.plugins import CommandSpec, StrategySpec, hookimpl

__all__ = ["algopioneer_commands", "algopioneer_strategies"]


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
        ),
        StrategySpec(
            name="pairs",
            summary="Mean reversion: the spread of two instruments strays and comes back.",
            factory="algopioneer_strategies.pairs:Pairs.make",
            config="algopioneer_strategies.pairs_config:PairsConfig",
            instruments=(2, 2),
            aliases=("dual_leg", "dual-leg"),
        ),
        StrategySpec(
            name="basis",
            summary="Carry: a future is dear against its spot, and the two meet.",
            factory="algopioneer_strategies.basis:Basis.make",
            config="algopioneer_strategies.basis_config:BasisConfig",
            instruments=(2, 12),
        ),
    ]


@hookimpl
def algopioneer_commands() -> list[CommandSpec]:
    """Commands of this distribution."""
    return [
        CommandSpec(
            name="discover-pairs",
            summary="Find cointegrated pairs, and count the tests.",
            command="algopioneer_strategies.research.command:discover_pairs",
        ),
        CommandSpec(
            name="autopilot",
            summary="Search again, and change pairs where that beats the noise.",
            command="algopioneer_strategies.research.autopilot_command:autopilot",
        ),
        CommandSpec(
            name="ledger",
            summary="Look into the ledger of experiments, and check it.",
            command="algopioneer_strategies.research.ledger_command:ledger",
        ),
    ]
