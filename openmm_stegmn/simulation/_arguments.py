"""Numbers that a user passes, of whatever type, as plain ones."""

from numbers import Integral

from openmm import unit


def number_in(value, expected, name):
    """A number in a unit, as a plain float.

    Parameters
    ----------
    value : float or openmm.unit.Quantity
    expected : openmm.unit.Unit
    name : str
        For the error.

    Raises
    ------
    ValueError
        If it is a Quantity of something else, or no number.
    """
    number = value
    if unit.is_quantity(value) and value.unit.is_compatible(expected):
        number = value.value_in_unit(expected)
    try:
        return float(number)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be a number in {expected.get_symbol()} or an openmm.unit.Quantity that "
            f"can be converted to it, found {value!r}."
        ) from None


def whole_number(value, name, least, most=None):
    """A whole number as a plain int.

    Parameters
    ----------
    value : int
        numpy's, too.
    name : str
        For the error.
    least, most : int
        The smallest and the largest that make sense.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number, {span}, found {value!r}.")
    return int(value)
