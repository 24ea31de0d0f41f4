"""A fuzzer against every parser that reads bytes from outside; ``python -m tests.fuzz`` is the long campaign."""
