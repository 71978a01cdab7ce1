"""Configuration: files and flags in, checked objects out, mistakes named by their place."""
