class SetupError(ValueError):
    """An input of a simulation is missing, unreadable or does not fit; the message says which."""
