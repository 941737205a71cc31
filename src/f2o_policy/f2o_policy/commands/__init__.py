"""What ``f2o ...`` does. Cheap to import: each command imports what it needs when it runs."""
