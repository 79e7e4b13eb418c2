"""What is true and what follows from it. Pure: standard library only; no clock, no I/O, no log, no randomness."""
