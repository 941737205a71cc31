"""The comparison that `make demo` prints: teacher, one-step teacher and MSE student on the demo's scenes."""

import os

# Before torch is imported: threads that wait sleep. Spinning ones keep a core from those they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
