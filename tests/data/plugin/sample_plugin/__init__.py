"""A plugin of feeds: one file for each kind that it adds, with its row at the end."""
