"""`python -m h2q.cli`: the command where its script is not installed."""

import sys

from . import main

sys.exit(main())
