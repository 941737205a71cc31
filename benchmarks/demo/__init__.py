"""`make demo`: the whole stack on a simulated Franka, in real time, and what it measured.

in:   checkpoint of a student
out:  out/demo: report.json, a table, an MP4, an .rrd
"""

import os

# Before torch is imported: threads that wait sleep. Spinning ones keep a core from those they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
