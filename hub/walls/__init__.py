"""The walls' PCs as the hub knows them: each tells every minute that it lives and what it shows."""
