"""All cases; a case is known by its position here, to bench.py and to the workers alike."""

import cases
import chains
import convolutions
import networks
import training

CASES = [*cases.CASES, *chains.CASES, *training.CASES, *convolutions.CASES, *networks.CASES]
NAMES = [*dict.fromkeys(case.group for case in CASES), "memory", "import"]
