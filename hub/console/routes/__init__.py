"""The pages, one file a subject; ``table`` has all of them."""
