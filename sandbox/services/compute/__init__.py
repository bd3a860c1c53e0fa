"""compute: VPC networks, subnetworks, addresses, and forwarding rules of Private Service Connect.

Rules: the discovery document's descriptions (compute v1), cloud.google.com/vpc/docs.
"""
