import copy
import pickle

import numpy as np
import pytest

from fastfit import CodecError, FastfitError, ImageError, OptionError, SizeError
from fastfit.errors import describe

ERRORS = (SizeError, ImageError, OptionError, CodecError)


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_ours_and_a_value_error(error):
    assert issubclass(error, FastfitError)
    assert issubclass(error, ValueError)


@pytest.mark.parametrize("error", ERRORS)
def test_no_error_is_caught_with_another(error):
    assert not any(issubclass(error, other) for other in ERRORS if other is not error)


@pytest.mark.quick
@pytest.mark.parametrize("error", [FastfitError, *ERRORS])
def test_facts_are_message_and_attributes(error):
    raised = error("fill", "a number", "'red'")
    assert str(raised) == "fill: expected a number, got 'red'"
    assert (raised.name, raised.expected, raised.got) == ("fill", "a number", "'red'")


@pytest.mark.parametrize("error", [FastfitError, *ERRORS])
@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_survives_the_way_back_from_a_worker(error, copied):
    raised = error("fill", "a number", "'red'")
    back = copied(raised)
    assert type(back) is error
    assert vars(back) == vars(raised)
    assert str(back) == str(raised)


@pytest.mark.parametrize("error", [FastfitError, *ERRORS])
def test_renamed_changes_only_the_name(error):
    raised = error("data", "a whole file", "12 bytes")
    renamed = raised.renamed("cat.jpg")
    assert type(renamed) is error
    assert str(renamed) == "cat.jpg: expected a whole file, got 12 bytes"
    assert raised.name == "data"


@pytest.mark.parametrize("value", [5, "red", None, (1, 2.5), "x" * 78])
def test_describe_shows_short_values_as_they_are(value):
    assert describe(value) == repr(value)


@pytest.mark.parametrize("value", ["x" * 79, list(range(1000)), np.zeros((9, 9)), np.array([[5], [6]])])
def test_describe_shortens_to_one_line_and_names_the_type(value):
    text = describe(value)
    assert len(text) < 90
    assert text.isprintable()
    assert text.endswith(f"… ({type(value).__name__})")
    assert repr(value).startswith(text.split("…")[0])
