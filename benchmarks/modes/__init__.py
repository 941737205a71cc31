"""`make bench-modes`: the methods on toys whose modes are known, over several seeds, on two cores in minutes.

in:   nothing: the demonstrations are drawn
out:  modes.json, modes.png: who is on a mode, who keeps all of them, whose spread is right
"""
