"""Models by name."""

from ._spec import ModelSpec

MODELS: dict = {}


def register(name: str, **fixed):
    """Class decorator: make a model available under ``name``, with some of its options fixed."""

    def add(cls):
        if name in MODELS:
            raise ValueError(f"a model named {name!r} is registered already: {MODELS[name][0]}")
        MODELS[name] = (cls, fixed)
        return cls

    return add


def build_model(spec: ModelSpec):
    """Make an untrained model.

    Parameters
    ----------
    spec : ModelSpec
        ``spec.architecture`` is looked up in :data:`MODELS`, ``spec.config`` are the keyword
        arguments.

    Raises
    ------
    ValueError
        If no such architecture is registered, or it does not take these options.
    """
    if spec.architecture not in MODELS:
        raise ValueError(
            f"no model named {spec.architecture!r}; there are: {', '.join(sorted(MODELS))}"
        )
    cls, fixed = MODELS[spec.architecture]
    try:
        return cls(spec, **fixed, **spec.config)
    except TypeError as error:
        raise ValueError(
            f"model {spec.architecture!r} does not take the options {spec.config}: {error}"
        ) from error
