"""
A Kalman filter for a hedge that moves: y(t) = alpha(t) + beta(t) x(t) + noise.

The state [alpha, beta] is a random walk: between two observations its covariance P grows by
Q = diag(q_alpha, q_beta). An observation has the noise variance R. What the state said *before* an
observation - the prior - gives the innovation and its variance:

    e = y - alpha - beta x        S = P00 + 2 x P01 + x**2 P11 + R

e / sqrt(S) is standard normal if the model is right, and is what a strategy trades: everything in
it was known a bar ago but y and x themselves.

The arithmetic is scalar, for two numbers need no matrices. The covariance is kept as the factors
of P = U D U' with U = [[1, u], [0, 1]] and D = diag(d0, d1). In Bierman's update for an observation
and Thornton's for the walk nothing is subtracted from a variance, so P stays a covariance under
rounding, and keeps its digits where the textbook's P - K S K' or Joseph's form lose half of them:
after a vague start, or while prices hardly move, so that alpha and beta cannot be told apart.

The initial state and covariance are the prior of the first observation.
(Kalman 1960; Bierman, *Factorization Methods for Discrete Sequential Estimation*, 1977, chapters V
and VI.)
"""

from collections.abc import Mapping
from math import inf, isfinite
from typing import Final, NamedTuple

from attrs import define, frozen

from algopioneer_core.domain.errors import ConfigError

__all__ = ["Innovation", "KalmanFilter", "KalmanSettings"]

_NUMBERS: Final = ("alpha", "beta", "u", "d0", "d1")


@frozen(kw_only=True)
class KalmanSettings:
    """
    The model of a filter.

    Raises:
        ConfigError: A variance is negative or not finite, the observation noise is not positive,
            or the bounds exclude each other.
    """

    q_alpha: float
    """Variance by which alpha moves in a bar."""
    q_beta: float
    """Variance by which beta moves in a bar."""
    r: float
    """Variance of the observation noise; positive."""
    alpha: float = 0.0
    """Initial alpha."""
    beta: float = 1.0
    """Initial beta."""
    variance: float = 1.0
    """Initial variance of alpha and of beta; they begin uncorrelated."""
    beta_min: float = -inf
    """Beta is held at this after an update that leads below it."""
    beta_max: float = inf
    """Beta is held at this after an update that leads above it."""

    def __attrs_post_init__(self) -> None:
        for name in ("q_alpha", "q_beta", "r", "variance"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0) or (name == "r" and not value):
                raise ConfigError(f"a variance of {value} is impossible", where=name)
        if not self.beta_min <= self.beta_max:
            raise ConfigError(
                f"the lowest beta ({self.beta_min}) is above the highest ({self.beta_max})",
                where="beta_min",
            )


class Innovation(NamedTuple):
    """What an observation was worth: how far it fell from what the prior had expected."""

    value: float
    """e = y - alpha - beta x, with the prior's alpha and beta."""
    variance: float
    """S, before the observation; positive."""
    alpha: float
    """The prior's alpha."""
    beta: float
    """The prior's beta."""


@define
class KalmanFilter:
    """The state of a filter: always the prior of the next observation."""

    settings: KalmanSettings
    alpha: float
    beta: float
    u: float
    d0: float
    d1: float
    ignored: int = 0
    """Observations that were left out because a number was not finite."""

    @classmethod
    def begin(cls, settings: KalmanSettings) -> "KalmanFilter":
        """Return a filter before its first observation."""
        variance = settings.variance
        return cls(settings, settings.alpha, settings.beta, 0.0, variance, variance)

    @property
    def covariance(self) -> tuple[float, float, float]:
        """Variance of alpha, covariance of both, variance of beta."""
        shared = self.u * self.d1
        return self.d0 + self.u * shared, shared, self.d1

    def update(self, y: float, x: float) -> Innovation | None:
        """
        Take in an observation and return its innovation.

        Returns:
            None for an observation that is not finite, or so large that the variance would not be:
            it is counted, and the state stays as it was.
        """
        value = y - self.alpha - self.beta * x
        slant = self.u + x
        part = self.settings.r + self.d0
        variance = part + slant * slant * self.d1
        if not (isfinite(value) and isfinite(variance)):
            self.ignored += 1
            return None
        innovation = Innovation(value, variance, self.alpha, self.beta)
        self._correct(value / variance, slant, part, variance)
        self._walk()
        return innovation

    def _correct(self, surprise: float, slant: float, part: float, variance: float) -> None:
        """Move state and factors by an observation (Bierman)."""
        settings, u, d0 = self.settings, self.u, self.d0
        slanted = self.d1 * slant
        self.alpha += (d0 + slanted * u) * surprise
        beta = self.beta + slanted * surprise
        self.beta = min(max(beta, settings.beta_min), settings.beta_max)
        self.u = u - slant * d0 / part
        self.d0 = d0 * settings.r / part
        self.d1 *= part / variance

    def _walk(self) -> None:
        """Let the state walk on to the next observation (Thornton)."""
        settings, d1 = self.settings, self.d1
        moved = d1 + settings.q_beta
        self.d0 += settings.q_alpha
        if moved:
            self.d0 += self.u * self.u * d1 * (settings.q_beta / moved)
            self.u *= d1 / moved
        self.d1 = moved

    def snapshot(self) -> Mapping[str, object]:
        """Return the state as JSON values; floats as hexadecimal text, so that no bit is lost."""
        return {name: getattr(self, name).hex() for name in _NUMBERS} | {"ignored": self.ignored}

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `snapshot`."""
        for name in _NUMBERS:
            setattr(self, name, float.fromhex(str(state[name])))
        ignored = state["ignored"]
        assert isinstance(ignored, int)
        self.ignored = ignored
