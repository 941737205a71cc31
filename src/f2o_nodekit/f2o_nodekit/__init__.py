"""What every f2o node shell stands on, and nothing about robots.

in:   a YAML file, a dataclass that describes it, a core to run
out:  a checked configuration, a paced loop, diagnostics, a clean exit
rate: whatever the node asks for
"""
