"""The shell: moves events and commands between venues, journal and engines."""
