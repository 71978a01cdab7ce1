"""Finding pairs, and how much of what was found is luck."""
