"""The sandbox OSS: a small server that answers as the OSS documentation says OSS does."""
