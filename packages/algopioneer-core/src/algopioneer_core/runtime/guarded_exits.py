"""Exit policies of strangers: one that fails says nothing more, and its strategy opens nothing."""

from collections.abc import Callable

from algopioneer_core.engine.exits import ExitPolicy, ExitVerdict, OpenPosition

__all__ = ["GuardedExit"]


class GuardedExit:
    """
    An exit policy that cannot raise.

    Args:
        policy: What is guarded.
        on_failure: Called with its name and what went wrong, the first time it fails. From then on
            it abstains, so that the other policies still decide.
    """

    def __init__(self, policy: ExitPolicy, on_failure: Callable[[str, str], None]) -> None:
        self.name = policy.name
        self._policy = policy
        self._on_failure = on_failure
        self._has_failed = False

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """Return what the policy says; ABSTAIN once it has failed."""
        if self._has_failed:
            return ExitVerdict.ABSTAIN
        try:
            verdict = self._policy.evaluate(position)
            if not isinstance(verdict, ExitVerdict):
                raise TypeError(f"answered with {verdict!r}, which is no verdict")
        except Exception as error:
            self._has_failed = True
            self._on_failure(self.name, f"{type(error).__name__}: {error}")
            return ExitVerdict.ABSTAIN
        return verdict
