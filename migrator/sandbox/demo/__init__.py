"""The demo: the main job with embedded parts, real files, a reader who checks every byte, and an honest end."""
