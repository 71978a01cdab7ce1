"""The one place where configuration and plugins become something that runs."""
