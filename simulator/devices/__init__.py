"""Peers that speak real protocols: what the gateway's drivers meet in demo and tests."""
