"""The contract as a suite that runs against any server: `duologue conformance URL`.

It speaks HTTP and WebSocket only and knows nothing of how a server is made. Cases run one after the other, each named
as a sentence of the contract; they share a few people, and never what one of them changed.
"""
