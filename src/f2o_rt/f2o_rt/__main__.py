"""``python -m f2o_rt`` is ``f2o_rt_receiver``."""

from f2o_rt.start import main

main()
