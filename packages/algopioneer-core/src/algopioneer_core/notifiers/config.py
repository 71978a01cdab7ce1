"""Settings of the bundled notifiers; light, because they are read before anything is opened."""

import enum

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import option, secret

__all__ = ["WebhookConfig", "WebhookForm"]


class WebhookForm(enum.Enum):
    """What the receiver understands."""

    GENERIC = "generic"
    """`time`, `subject`, `text`, `urgent`."""
    SLACK = "slack"
    """`text`, which Slack and Mattermost show."""
    DISCORD = "discord"
    """`content`, which Discord shows."""


@frozen(kw_only=True)
class WebhookConfig:
    """
    Settings of the webhook notifier.

    Raises:
        ConfigError: The URL is missing, or is not one of http or https.
    """

    url: str = secret(
        environment="ALGOPIONEER_WEBHOOK_URL",
        help="Where alerts are posted to; a secret, because whoever knows it can post too.",
    )
    header: str = option("Authorization", help="Header that the secret is sent in.")
    header_value: str = secret(
        environment="ALGOPIONEER_WEBHOOK_SECRET", help="Value of that header; none when empty."
    )
    form: WebhookForm = option(WebhookForm.GENERIC, help="What the receiver understands.")

    def __attrs_post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise ConfigError(
                "the webhook's URL is missing or does not begin with https://",
                where="url",
                remedy="set the environment variable ALGOPIONEER_WEBHOOK_URL",
            )
