"""A controller with Ray in a process of its own, for tests that kill it: STUDIES_DIR DELAY_S."""

import sys
from pathlib import Path

from search_parts import OBJECTIVES, TINY, FormulaEvaluator

from autocompress.exploration.controller import Controller
from autocompress.exploration.ray_executor import RayExecutor, Resources
from autocompress.exploration.study import StudyStore
from search_spaces import SEARCH_SPACES


def main() -> None:
    folder, delay = Path(sys.argv[1]), float(sys.argv[2])
    with (
        StudyStore.resume(folder, "s") as store,
        RayExecutor(FormulaEvaluator({}, delay), Resources()) as executor,
    ):
        space = SEARCH_SPACES["precision"](TINY)
        controller = Controller(
            store,
            space=space,
            objectives=OBJECTIVES,
            constraints=(),
            sampler="random",
            executor=executor,
            seed=0,
            on_event=lambda event: print(event.kind, event.number, flush=True),
        )
        controller.run(max_trials=12, enqueue=space.anchors())


if __name__ == "__main__":
    main()
