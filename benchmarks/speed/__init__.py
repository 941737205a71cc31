"""`make bench`: what each stage costs on this machine, as JSON and a figure; ratios within one run."""
