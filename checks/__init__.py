"""What `make check` finds in the source beyond the linter and the types. Not part of the product."""
