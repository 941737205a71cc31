"""Starts everything, imports none of it: the node graph as data, as launch actions and as plain processes; ``f2o``.

in:   arguments ``name:=value``; the installed executables and the entry points ``f2o.commands``
out:  running nodes, with their configuration, environment and DDS profiles
"""
