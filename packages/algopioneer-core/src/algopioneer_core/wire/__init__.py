"""The line to a venue: websocket, HTTP, rate limits, back-off and breaker. It knows no venue."""
