"""Names that processes have, patterns that match none, and what a remark says of them."""
