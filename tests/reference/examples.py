"""How many random lives a test takes."""

import os

#: Of most tests. STREAMPROC_TEST_EXAMPLES=1000 for a long run; `make acceptance` takes more of those with campaigns.
EXAMPLES = int(os.environ.get("STREAMPROC_TEST_EXAMPLES", "25"))
#: Of those with campaigns, which take longer.
FEWER = 2 * EXAMPLES // 5
