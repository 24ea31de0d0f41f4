"""How fast Siaga is, beside the limits of the machine that it runs on. ``make bench`` runs all of it.

Everything here measures the product's own processes on real servers; nothing in the product knows of it.
"""
