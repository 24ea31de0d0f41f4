"""Signed upgrades of the gateway's software: verified, tried beside the version before, taken back if they fail."""
