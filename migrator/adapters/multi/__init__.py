"""The copy engine on one thread: libcurl carries many requests at once, coroutines say what comes next."""
