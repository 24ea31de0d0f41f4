"""The city's state as people see it: rivers and beds, from what the hub holds in memory and in its stores.

One reading for everybody: the API's routes and the pages both come here, so that they cannot disagree.
"""
