"""What is raised for things that do not go together."""


class IncompatibleModelError(ValueError):
    """A model, a system and an integrator that do not go together; the text says where."""
