"""Programs beside Yingda that it asks over HTTP, and the clients that ask them."""
