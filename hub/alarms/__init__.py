"""Alarms: the state of each abnormal condition until a person has seen it and it is over."""
