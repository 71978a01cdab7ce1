"""The words of trading: values and rules without a clock, a network or a float."""
