"""What stands in the way of a stack, found out by reading: credentials, APIs, permissions, quota, models, network.

Nothing here changes anything but `preflight.request`, which files a quota increase when it is asked to.
"""
