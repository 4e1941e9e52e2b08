"""``python -m fastfit`` is the command ``fastfit``."""

import sys

from fastfit.cli import main

sys.exit(main())
