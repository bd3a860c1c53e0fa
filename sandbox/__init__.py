"""Google Cloud on loopback: the APIs that this project touches, with no account needed.

It imports nothing of what it serves, so that it cannot agree with the provider by sharing its code.
"""
