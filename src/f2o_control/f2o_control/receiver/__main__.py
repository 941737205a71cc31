"""``python -m f2o_control.receiver`` is ``f2o_rt_receiver``."""

from f2o_control.receiver.start import main

main()
