"""What stands between the network and the app: limits on what one visitor may send, and headers for browsers."""
