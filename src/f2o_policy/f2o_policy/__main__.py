"""``python -m f2o_policy``: the same as the ``f2o`` command, for ``torchrun -m``."""

from f2o_bringup.cli import main

main()
