"""`make bench`: what each stage costs on this machine, as JSON and a picture; ratios within one run."""
