"""What each machine costs."""
