"""gRPC: one thin method per RPC."""
