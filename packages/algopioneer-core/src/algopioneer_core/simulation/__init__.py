"""Trading without a venue: fills decided on bars, accounts, backtests and their figures."""
