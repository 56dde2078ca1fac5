"""Words -> config -> one call."""
