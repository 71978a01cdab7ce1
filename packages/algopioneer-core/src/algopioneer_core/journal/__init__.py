"""The memory: an append-only, hash-chained log of what happened, was decided and was sent."""
