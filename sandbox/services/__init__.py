"""The imitated services. Every module in here is imported when a sandbox starts and registers its methods."""
