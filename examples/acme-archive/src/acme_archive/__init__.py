"""A venue for algopioneer whose history is a folder of CSV files."""
