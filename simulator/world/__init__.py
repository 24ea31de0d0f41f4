"""The deterministic world: production code with a fake clock, disk and network, and chance by seed.

``python -m simulator.world --seeds 1000`` runs it. One seed is one history: gateways, a hub, a broker and an
InfluxDB, faults, then healing and the drain. An oracle outside the code checks the invariants I1 to I14 of
the contract all the while.
"""
