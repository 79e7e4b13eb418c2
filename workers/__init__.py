"""Celery, and nothing else: carries the verbs of `migrator.app` to worker processes. The only package that imports it.

Messages are hints. What is true stands in the tracking database, so a message that is lost, doubled or late costs time
and nothing more.
"""
