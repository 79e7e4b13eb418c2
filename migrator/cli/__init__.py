"""The command line: parse, call a verb, render. No decisions."""
