"""Loading the plugins a command works with."""

from collections.abc import Collection

from algopioneer_core.plugins.manager import PluginHost, load_plugins

__all__ = ["load_host"]


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
