"""Telling people: what is to be said is a row before it is sent, and each attempt is a row too."""
