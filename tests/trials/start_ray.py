"""Start a Ray as a search does and have it build one trial; with HIDDEN, one whose evaluator workers cannot import."""

import sys
import tempfile
import types

from search_parts import TINY, FormulaEvaluator

from autocompress.cli.explain import explain
from autocompress.students.configuration import configuration_digest, configuration_to_json
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.trials.jobs import TrialRequest
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay


def main() -> None:
    evaluator = FormulaEvaluator({})
    if sys.argv[1:]:
        module = types.ModuleType("hidden_parts")
        module.Hidden = type("Hidden", (FormulaEvaluator,), {"__module__": "hidden_parts"})
        sys.modules["hidden_parts"] = module
        evaluator = module.Hidden({})
    uniform = TransformerConfiguration.uniform(TINY, 8)
    with HostedRay(evaluator, Resources()) as host, host.pinned(), tempfile.TemporaryDirectory() as folder:
        digest = configuration_digest(uniform)
        host.submit("build", TrialRequest(0, 0, configuration_to_json(uniform), digest, folder, 0))
        ended = []
        while not ended:
            ended = host.wait(1.0)
    print("up and built" if ended[0].fault is None and ended[0].error is None else ended[0])


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        line, code = explain(error)
        print(f"error: {line}", file=sys.stderr)
        sys.exit(code)
