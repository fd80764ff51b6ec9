"""`simd web`: the page. It knows the daemon by the gRPC contract alone, like any client."""
