"""A controller in a process of its own, for tests that kill it or the Ray it uses: STUDIES_DIR DELAY_S [ADDRESS]."""

import sys
from pathlib import Path

from search_parts import OBJECTIVES, TINY, FormulaEvaluator

from autocompress.study.store import StudyStore
from autocompress.trials.controller import Controller
from autocompress.trials.ray_cluster import Resources
from autocompress.trials.ray_host import HostedRay
from autocompress.trials.settings import SearchSettings
from search_spaces import SEARCH_SPACES


def main() -> None:
    folder, delay, *address = Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]
    resources = Resources(ray_address=address[0] if address else None)
    with (
        StudyStore.resume(folder, "s") as store,
        HostedRay(FormulaEvaluator({}, delay), resources) as host,
        host.pinned() as executor,
    ):
        space = SEARCH_SPACES["precision"](TINY)
        controller = Controller(
            store,
            SearchSettings(space, OBJECTIVES, (), sampler="random", seed=0),
            executor,
            on_event=lambda event: print(event.kind, event.number, event.message, flush=True),
        )
        controller.run(max_trials=12, enqueue=space.initial_designs())


if __name__ == "__main__":
    main()
