"""`streamproc` as the suite runs it: with a point at which it dies, or a deliberate bug, given by the environment."""

import os
import sys

from streamproc.__main__ import main
from tests.faults.mutations import MUTATIONS
from tests.faults.steps import arm

if __name__ == "__main__":
    if point := os.environ.get("FAULTS_STEP"):
        arm(point)
    if mutation := os.environ.get("FAULTS_MUTATION"):
        MUTATIONS[mutation]()
    sys.exit(main())
