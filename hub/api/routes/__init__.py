"""The routes by subject. Each module ends with its table of routes and who may use them."""
