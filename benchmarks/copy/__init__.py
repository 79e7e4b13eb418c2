"""Measure the copy engine against other tools: `./x bench --quick`. See docs/performance.md."""
