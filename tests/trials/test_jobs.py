"""What the errors of an evaluator come to."""

import pytest
from search_parts import TINY

from autocompress.students.configuration import configuration_digest, configuration_to_json
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.system.errors import BrokenInstallationError
from autocompress.trials.jobs import TrialRequest, run_job


@pytest.mark.parametrize("step", ["build", "measure"])
def test_an_import_that_fails_is_neither_the_configurations_nor_the_machines_fault(step, tmp_path):
    class Importing:
        def build(self, _request):
            import no_such_package  # noqa: F401

        measure = build

    uniform = TransformerConfiguration.uniform(TINY, 8)
    request = TrialRequest(0, 0, configuration_to_json(uniform), configuration_digest(uniform), str(tmp_path), 0)
    with pytest.raises(BrokenInstallationError, match="No module named 'no_such_package'"):
        run_job(Importing(), step, request)
    assert not list(tmp_path.iterdir())
