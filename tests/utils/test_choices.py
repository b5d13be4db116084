import pytest

from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError, nearest


def test_an_allowed_value_passes():
    check_choice("split", "val", ["train", "val"])
    check_choice("packed", True, ["auto", True, False])
    check_choice("init", None, [None, "s4"])


@pytest.mark.parametrize(
    ("value", "allowed", "message"),
    [
        ("vall", ["train", "val"], "split 'vall' is unknown; allowed: train, val; did you mean 'val'?"),
        ("x", ["train", "val"], "split 'x' is unknown; allowed: train, val"),
        (1, ["auto", True, False], "split '1' is unknown; allowed: auto, true, false"),
        (None, ["train"], "split 'null' is unknown; allowed: train"),
    ],
)
def test_any_other_value_is_refused_with_the_nearest_one(value, allowed, message):
    with pytest.raises(UserError) as caught:
        check_choice("split", value, allowed)
    assert str(caught.value) == message


def test_the_message_starts_with_the_place():
    with pytest.raises(UserError, match=r"^clips\.csv, line 3: split 'x' is unknown"):
        check_choice("split", "x", ["train"], where="clips.csv, line 3")


def test_a_user_error_is_a_value_error():
    assert issubclass(UserError, ValueError)


def test_nearest_suggests_at_most_two_names():
    assert nearest("resnet5", ["resnet50", "resnet51", "resnet52", "vit"]).count("'") == 4
    assert nearest("xyz", ["resnet50"]) == ""
