"""Rules that a stack must keep, checked at preview and at update: `pulumi preview --policy-pack policy`."""
