"""What may reach outside a run: a stored setting, code of a user's own, an address; and what no record may hold."""
