"""How alerts reach people: through the log, or through a webhook."""
