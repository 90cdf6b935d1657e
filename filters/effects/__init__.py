"""One filter per module; see `filters.registry` for what such a module needs."""
