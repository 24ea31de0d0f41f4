"""An hour with agencies whose systems fail in every way, in a second.

The outbox, worker, policy, webhook and outbound door are production's; only the wire and the time are made up.
``python -m simulator.bad_hour`` prints what each one got.
"""
