"""Whom to tell: agencies and their contacts, who is on duty, and which agency is for what, where and when."""
