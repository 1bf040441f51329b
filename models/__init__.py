"""What we know: values, policy, tables, and every query of the hot path."""
