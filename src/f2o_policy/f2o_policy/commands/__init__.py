"""The commands of ``f2o``. Cheap to import: each command imports what it needs when it runs."""
