"""What a command works with: the plugins, and what the user and the machine say about them."""

from collections.abc import Collection, Mapping

from attrs import field, frozen

from algopioneer_core.config.runs import Settings
from algopioneer_core.plugins.manager import PluginHost, load_plugins
from algopioneer_core.plugins.specs import VenueSpec

__all__ = ["Surroundings", "load_host"]


@frozen
class Surroundings:
    """What a run is given from outside: the plugins, settings of venues, the environment."""

    host: PluginHost
    venues: Mapping[str, Settings] = field(factory=dict)
    """Settings of venues, by the names the user gave them under."""
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    """Where secrets are read from: `os.environ`."""

    def venue(self, name: str) -> tuple[VenueSpec, Settings]:
        """
        Return the venue called *name* and what the user set for it.

        Raises:
            PluginError: There is no such venue, or settings are for one that does not exist.
        """
        settings = {self.host.venues.get(key).name: found for key, found in self.venues.items()}
        spec = self.host.venues.get(name)
        return spec, settings.get(spec.name, Settings(f"venue.{spec.name}"))


def load_host(allow: Collection[str] | None = None) -> PluginHost:
    """
    Load the plugins that are installed and allowed.

    Broken plugins are left out and can be seen in `host.broken`; a name that means two things is
    refused, because the user could not know which code would trade.

    Args:
        allow: Names of the plugins to load, from the configuration; None for all.

    Raises:
        PluginError: A name is claimed twice, or an allowed plugin is not installed.
    """
    host = load_plugins(allow=allow)
    host.require_unambiguous()
    return host
