"""Incidents: what people work on, from the first press to the answer that ends it."""
