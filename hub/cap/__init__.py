"""The Common Alerting Protocol 1.2: what other authorities' systems read of incidents and rivers."""
