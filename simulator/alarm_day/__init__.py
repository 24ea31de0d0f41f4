"""A day of alarms in fast time: the hub's own code, a town's worst day, and operators who work at the list as it is
shown. ``python -m simulator.alarm_day`` prints what it came to."""
