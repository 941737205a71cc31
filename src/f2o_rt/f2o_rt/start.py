"""Entry point of ``f2o_rt_receiver``: one thread for linear algebra, set before numpy is imported.

OpenBLAS would start its threads in the cycle of the first target, which takes 20 ms, and let them spin beside the loop.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"


def main() -> None:
    """Run the receiver."""
    from f2o_rt.main import main as run

    run()
