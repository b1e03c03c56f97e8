"""What can be asked, one function a call; both clients have them as methods."""
