import pytest

from autocompress.system.attempts import attempt, reason_of
from autocompress.system.errors import BrokenInstallationError, MeasurementError, StorageError
from autocompress.system.events import Event


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("two\n lines"), "no cnn: ValueError: two lines"),
        (MeasurementError("it must load, but does not"), "no cnn: it must load, but does not"),
        (MemoryError(), "no cnn: MemoryError"),
    ],
)
def test_what_fails_is_told_and_the_rest_goes_on(error: Exception, told: str):
    heard: list[Event] = []
    with attempt("no cnn", heard.append):
        raise error
    assert heard == [Event("note", told)]


@pytest.mark.parametrize("error", [StorageError("full"), BrokenInstallationError("no torch"), KeyboardInterrupt()])
def test_a_full_disk_and_the_user_end_everything(error: BaseException):
    with pytest.raises(type(error)), attempt("nothing", lambda event: pytest.fail(event.message)):
        raise error


def test_reasons_are_short():
    assert len(reason_of(ValueError("x" * 1000))) < 330
